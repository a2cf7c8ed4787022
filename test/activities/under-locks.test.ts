import type { PhaseRef } from '../../activities/contract.js';
import { swapKeys } from '../../activities/swap-keys.js';
import { withSession } from '../../src/postgres/connect.js';
import { closeGate, openGate } from '../../src/postgres/gates.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { attempt, LocalRun } from './local-run.js';

const plan = `version: 1
plan: under-locks
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

/** A cutover may wait for its locks for minutes; what it knew before them may no longer be so. */
describe('A cutover that waits for its locks', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;
  let ref: PhaseRef;

  beforeAll(async () => {
    database = await connectedDatabase(testVersions()[0] as number);
    await database.sql(`create table people (id integer primary key, boss_id integer references people, note text);
      insert into people select n, nullif(n / 3, 0), 'note ' || n from generate_series(1, 3000) n`);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
    ref = await run.forward('main', 'buildTwins');
  });

  afterAll(async () => {
    run.end();
    await database.drop();
  });

  const open = (key: string) =>
    withSession(ref.connection, 'gate', (session) =>
      openGate(session, {
        phase: 'main',
        gate: 'before-swap',
        planHash: ref.planHash,
        parked: false,
        deadline: null,
        key: `${ref.run.runId} ${key}`,
      }),
    );

  /** Holds a reader's transaction open until the cutover waits; then `meanwhile`, and the reader ends. */
  async function whileWaiting(opening: number | null, meanwhile: () => Promise<unknown>): Promise<unknown> {
    const reader = await database.app();
    await reader.query('begin');
    await reader.query('select count(*) from people');
    let waited = false;
    const heartbeat = (seen: object) => {
      if (waited || !('waits' in seen)) return;
      waited = true;
      void meanwhile().finally(() => reader.query('commit'));
    };
    const result = await swapKeys({ ...ref, opening }, attempt({ heartbeat })).catch((error) => error);
    await reader.end();
    expect(waited).toBe(true);
    return result;
  }

  async function keyType(): Promise<unknown> {
    const [row] = await database.sql(
      `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'people'::regclass and attname = 'id'`,
    );
    return row?.type;
  }

  it('swaps nothing where its approval was voided meanwhile', async () => {
    const { opening } = await open('1');
    const result = await whileWaiting(opening, () =>
      withSession(ref.connection, 'gate', (session) => closeGate(session, opening, 'voided')),
    );
    expect(result).toMatchObject({ code: 'gate.not-open' });
    expect(await keyType()).toBe('integer');
  });

  it('swaps nothing where another run owns the database by now', async () => {
    const result = await whileWaiting(null, () =>
      database.sql(`update rekey.owner set workflow_id = 'another', first_run_id = 'another'`),
    );
    expect(result).toMatchObject({ code: 'owner.lost' });
    expect(await keyType()).toBe('integer');
    await database.sql(`update rekey.owner set workflow_id = $1, first_run_id = $2`, [
      ref.run.workflowId,
      ref.run.firstRunId,
    ]);
  });

  it('swaps them where all is as it was, as soon as the reader ends', async () => {
    const { opening } = await open('2');
    await whileWaiting(opening, async () => undefined);
    expect(await keyType()).toBe('uuid');
  });
});
