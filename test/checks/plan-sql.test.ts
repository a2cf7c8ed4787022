import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Database } from '../../src/checks/database.js';
import type { Finding, OnFinding } from '../../src/checks/findings.js';
import { readHooks } from '../../src/checks/hooks-file.js';
import { runPlanChecks } from '../../src/checks/plan-checks.js';
import { compareProbe, measureProbe, storedProbes, storeProbe } from '../../src/checks/probes.js';
import { checkReadiness } from '../../src/checks/readiness.js';
import type { Phase, PlanCheck, ReadinessCheck } from '../../src/plan/model.js';
import { Scene } from './fixture.js';

let scene: Scene;
let phase: Phase;
beforeAll(async () => {
  scene = await Scene.open();
  phase = (await scene.look()).phase;
});
afterAll(() => scene.close());

const ready = (check: Partial<ReadinessCheck>, timeout?: number, onFinding?: OnFinding) =>
  checkReadiness(
    scene.session,
    {
      ...phase,
      readiness: [{ check: 'doubles', sql: 'select 1', expect: 'no rows', otherwise: 'stop', ...check }],
    },
    timeout,
    undefined,
    onFinding,
  );

describe('readiness checks', () => {
  test.each<[string, ReadinessCheck['expect']]>([
    ['select name from people where id < 0', 'no rows'],
    ['select count(*) from people', 200],
    ['select name from people where id = 1;', 'p1'],
    ['select count(*) > 0 from people', 'true'],
    ['with young as (select id from people where id > 190) select count(*) from young order by 1', 10],
  ])('%s is as expected', async (sql, expect_) => {
    expect(await ready({ sql, expect: expect_ })).toEqual({ hazards: [], warnings: [] });
  });

  test('what is not as expected stops the phase, without a value that may be data', async () => {
    const { hazards } = await ready({ sql: `select 'secret marker'`, expect: 0 });
    expect(hazards).toMatchObject([{ hazard: 'readiness', rank: 'stop', on: 'doubles' }]);
    expect(JSON.stringify(hazards)).not.toContain('secret marker');
    const counted = await ready({ sql: 'select count(*) from people', expect: 0 });
    expect(counted.hazards[0]?.message).toContain('expected 0, found 200');
  });

  test('what stops the phase is found with the first row that its SQL gave', async () => {
    const found: Finding[] = [];
    const keep: OnFinding = (finding) => void found.push(finding);
    await ready({ sql: 'select id, name from people where id > 198 order by id' }, undefined, keep);
    await ready({ sql: 'select 1', otherwise: 'warn' }, undefined, keep);
    const example = { said: 'expected no rows, found some', id: '199', name: 'p199' };
    expect(found).toEqual([{ check: 'readiness doubles', on: 'phase main', count: 1, example }]);
  });

  test('one that only warns is a warning', async () => {
    expect(await ready({ sql: 'select 1', otherwise: 'warn' })).toEqual({
      hazards: [],
      warnings: ['doubles: expected no rows, found some'],
    });
  });

  test('one that takes too long has not passed', async () => {
    const { hazards } = await ready({ sql: 'select pg_sleep(5)' }, 100);
    expect(hazards[0]?.message).toContain('took longer than 100 ms');
  });

  test.each([
    ['a column that is not there', 'select nothing from people', '42703'],
    ['an attempt to write', `select setval('people_id_seq', 7)`, '25006'],
    ['two statements', 'select 1; delete from people', '42601'],
  ])('%s is bad input that names the check and the SQLSTATE', async (_, sql, sqlstate) => {
    await expect(ready({ sql })).rejects.toMatchObject({
      name: 'BadInput',
      code: 'check.sql',
      sqlstate,
      where: 'readiness check "doubles" of phase main',
    });
    await expect(ready({ sql })).rejects.not.toThrow(/nothing|people/);
    expect(await scene.db.sql('select count(*)::int as n from people')).toEqual([{ n: 200 }]);
  });
});

describe("the plan's own checks", () => {
  const hooks = readHooks('ok: { command: ["true"] }\nbroken: { command: ["false"] }\n', 'hooks.yaml');
  const run = (checks: PlanCheck[]) =>
    runPlanChecks(scene.session, { ...phase, checks }, { hooks, plan: 'shop', key: 'run/1' });

  test('SQL, hooks and HTTP pass or fail, critical or not', async () => {
    const server = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    try {
      const http = { method: 'get', url, body: null, headers: {} };
      const result = await run([
        {
          check: 'rows',
          critical: true,
          timeout: 1000,
          what: { sql: 'select count(*) from people', expect: 200 },
        },
        { check: 'no rows', critical: true, timeout: 1000, what: { sql: 'select 1', expect: 'no rows' } },
        {
          check: 'slow',
          critical: false,
          timeout: 50,
          what: { sql: 'select pg_sleep(3)', expect: 'no rows' },
        },
        { check: 'fine', critical: true, timeout: 5000, what: { hook: 'ok' } },
        { check: 'door', critical: false, timeout: 5000, what: { hook: 'broken' } },
        { check: 'login', critical: true, timeout: 5000, what: { http: { ...http, expect: 200 } } },
        { check: 'refused', critical: true, timeout: 5000, what: { http: { ...http, expect: 503 } } },
      ]);
      expect(result.checks).toBe(7);
      expect(result.failures.map((f) => `${f.check} ${f.reason}`)).toEqual([
        'no rows critical-check',
        'slow check',
        'door check',
        'login critical-check',
      ]);
    } finally {
      server.close();
    }
  });

  test('a hook that the worker does not know is bad input', async () => {
    const check: PlanCheck = { check: 'x', critical: true, timeout: 100, what: { hook: 'unknown' } };
    await expect(run([check])).rejects.toMatchObject({ name: 'BadInput', code: 'hook.unknown' });
  });
});

describe('probes', () => {
  const probe = {
    probe: 'orders of a person',
    sql: 'select no from orders where person_id = $1',
    with: 'select id from people order by id',
  };

  test('each of at most 50 parameter sets is run in five rounds', async () => {
    const times = await measureProbe(scene.session, probe);
    expect(times).toMatchObject({ probe: 'orders of a person', runs: 250 });
    expect(times.medianMs).toBeGreaterThan(0);
    expect(times.p95Ms).toBeGreaterThanOrEqual(times.medianMs);
  });

  test('one without parameters is run often enough for a median', async () => {
    expect((await measureProbe(scene.session, { ...probe, sql: 'select 1', with: null })).runs).toBe(21);
  });

  test('a busy machine makes no probe slower, as long as each of its queries is answered undisturbed once', async () => {
    const calls = new Map<string, number>();
    const { session } = scene;
    const busy: Database = {
      transaction: (fn, options) => session.transaction(fn, options),
      query: async (sql, values) => {
        const key = JSON.stringify([sql, values]);
        const nth = (calls.get(key) ?? 0) + 1;
        calls.set(key, nth);
        if (sql === probe.sql && nth !== 4) await new Promise((resolve) => setTimeout(resolve, 100));
        return session.query(sql, values);
      },
    };
    const few = { ...probe, with: `${probe.with} limit 3` };
    expect((await measureProbe(busy, few)).p95Ms).toBeLessThan(100);
    expect(Math.max(...calls.values())).toBeGreaterThan(4);
  });

  test('one that writes, or whose SQL is wrong, is bad input', async () => {
    for (const sql of [
      'delete from orders where person_id = $1',
      'select nothing from orders where person_id = $1',
    ])
      await expect(measureProbe(scene.session, { ...probe, sql })).rejects.toMatchObject({
        code: 'check.sql',
      });
  });

  test('the newest measurement before the cutover is what a phase is compared with', async () => {
    await scene.forward();
    const times = { probe: 'a', runs: 3, medianMs: 1, p95Ms: 2 };
    await storeProbe(scene.session, 'main', 'baseline', times);
    await storeProbe(scene.session, 'main', 'baseline', { ...times, medianMs: 3 });
    expect((await storedProbes(scene.session, 'main')).get('a')).toEqual({ ...times, medianMs: 3 });
    await storeProbe(scene.session, 'main', 'before-swap', { ...times, medianMs: 4 });
    await storeProbe(scene.session, 'main', 'after-swap', { ...times, medianMs: 9 });
    expect((await storedProbes(scene.session, 'main')).get('a')?.medianMs).toBe(4);
  });

  test.each([
    [100, 109, 'success'],
    [100, 115, 'slower'],
    [100, 121, 'rollback'],
    [100, 50, 'success'],
    [0.2, 0.6, 'success'],
    [0.2, 0.8, 'rollback'],
  ] as const)('from %d to %d ms is %s', (before, after, verdict) => {
    const times = (medianMs: number) => ({ probe: 'p', runs: 3, medianMs, p95Ms: medianMs });
    expect(compareProbe(times(before), times(after), { success: 0.1, rollback: 0.2 }).verdict).toBe(verdict);
  });
});
