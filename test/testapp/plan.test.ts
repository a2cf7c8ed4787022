import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestapp, type Testapp, testappDirectory } from '../../examples/testapp/database.js';
import { loadPlanText } from '../../src/plan/load.js';
import { freshDatabase, sharedPostgres, type TestDatabase } from '../servers.js';

const file = join(testappDirectory(), 'plan.yaml');
const plan = loadPlanText(readFileSync(file, 'utf8'), 'plan.yaml');

/** Integer keys of one column that refer to nothing: what a plan has to name. */
const integerKeys = `
  select case when n.nspname = 'public' then '' else n.nspname || '.' end || t.relname as name
  from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
  join pg_attribute a on a.attrelid = t.oid and a.attnum = c.conkey[1]
  where c.contype = 'p' and cardinality(c.conkey) = 1 and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
    and n.nspname in ('public', 'archive')
    and not exists (select from pg_constraint f where f.contype = 'f' and f.conrelid = t.oid and f.conkey = c.conkey)`;

describe('The reference plan', () => {
  const name = `testapp_plan_${process.pid}`;
  let testapp: Testapp;
  let home: TestDatabase;

  beforeAll(async () => {
    const server = await sharedPostgres(18);
    testapp = await createTestapp(server.superuserUrl, name, {
      rows: 3000,
      seed: 7,
      password: 'for-tests-only',
    });
    home = await freshDatabase(18);
  }, 120_000);

  afterAll(async () => {
    await home.query(
      `drop database if exists ${name} with (force)`,
      [],
      (await sharedPostgres(18)).superuserUrl,
    );
    await home.drop();
  });

  it('has the seven phases in their order', () => {
    expect(plan.phases.map((phase) => phase.phase)).toEqual([
      'foundation',
      'leaf-tables',
      'users',
      'workflow-core',
      'attributes',
      'dependents',
      'cleanup',
    ]);
  });

  it('moves every integer key of the database, each once, and nothing that is not there', async () => {
    const listed = plan.phases.flatMap((phase) => (phase.kind === 'tables' ? phase.tables : []));
    const derived = listed.filter((table) => table.key.source !== 'surrogate').map((table) => table.table);
    const rows = await home.query<{ name: string }>(integerKeys, [], testapp.owner);
    expect([...derived].sort()).toEqual(rows.map((row) => row.name).sort());
  });

  it('has the six deployment checkpoints as gates', () => {
    const gates = plan.phases.flatMap((phase) =>
      phase.checkpoints.map((gate) => `${phase.phase} ${gate.checkpoint}`),
    );
    expect(gates).toEqual(
      expect.arrayContaining([
        'foundation after',
        'leaf-tables after-swap',
        'users before',
        'users after-swap',
        'attributes after-swap',
        'cleanup after',
      ]),
    );
    const users = plan.phases.find((phase) => phase.phase === 'users');
    expect(users).toMatchObject({ backup: 'full', window: { from: '00:00', to: '24:00' } });
  });

  it('asks the database only what it can answer', async () => {
    for (const phase of plan.phases) {
      const questions = [
        ...phase.readiness.map((check) => check.sql),
        ...phase.checks.flatMap((check) => ('sql' in check.what ? [check.what.sql] : [])),
      ];
      for (const sql of questions) await home.query(sql, [], testapp.owner);
      for (const probe of phase.probes) {
        const values = probe.with ? await home.query(probe.with, [], testapp.owner) : [{}];
        expect(values.length).toBeGreaterThan(0);
        await home.query(probe.sql, Object.values(values[0] ?? {}), testapp.owner);
      }
    }
  });
});
