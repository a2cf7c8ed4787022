import { loadPlanText } from '../../src/plan/load.js';
import type { TablesPhase } from '../../src/plan/model.js';
import { everyWord, fileName } from './every-word.js';

const smallest = `
version: 1
plan: small
phases:
  - { phase: foundation, kind: foundation }
  - { phase: users, tables: [users, crm.leads, '"a.b"."Order"'] }
  - { phase: cleanup, kind: cleanup }
`;

test('every word of the vocabulary is read, with its unit', () => {
  const plan = loadPlanText(everyWord, fileName);
  expect(plan.map.pauseWhen).toEqual({ replicaLag: 10_000, oldestTransaction: 900_000 });
  expect(plan.locks).toEqual({ quietWait: 2000, stall: 150, tries: 30, within: 600_000 });
  expect(plan.probes).toEqual({ success: 0.1, rollback: 0.2 });
  expect(plan.rehearsal).toEqual({ on: 'beside', sample: 1000 });
  expect(plan.references.map((r) => [r.from.table, r.from.column, r.path, r.by, r.each])).toEqual([
    ['llm_audit_logs', 'actor_id', null, null, null],
    ['reports', 'reviewer_ids', null, null, 'element'],
    ['audit_logs', 'details', 'user_id', null, null],
    ['audit_logs', 'entity_id', null, 'entity_type', null],
  ]);
  const users = plan.phases.find((p) => p.phase === 'users') as TablesPhase;
  expect(users.window).toEqual({ days: ['sat', 'sun'], from: '22:00', to: '04:00', zone: 'Europe/Berlin' });
  expect(users.checkpoints.map((c) => [c.checkpoint, c.approvals, c.timeout])).toEqual([
    ['before', 1, null],
    ['before-swap', 2, 172_800_000],
    ['after-swap', 1, null],
  ]);
  expect(users.checks[0]?.what).toEqual({
    http: { method: 'POST', url: '${TESTAPP_URL}/login', headers: {}, body: null, expect: 200 },
  });
  const core = plan.phases.find((p) => p.phase === 'workflow-core') as TablesPhase;
  expect(core.tables.at(-1)?.key).toEqual({
    source: 'surrogate',
    surrogate: 'id',
    unique: 'uq_cycle_report',
    children: 'cycle_report_id',
  });
});

test('names that a surrogate gets by default are cut to what PostgreSQL keeps', () => {
  const table = `t${'x'.repeat(61)}`;
  const plan = loadPlanText(
    `version: 1\nplan: p\nphases:\n  - { phase: foundation, kind: foundation }\n  - { phase: one, tables: [{ table: ${table}, key: { surrogate: id } }] }\n`,
    'long.yaml',
  );
  const { tables } = plan.phases[1] as TablesPhase;
  const { key } = tables[0] as (typeof tables)[number];
  expect(key).toMatchObject({ source: 'surrogate', unique: expect.stringMatching(/^uq_tx+_/) });
  const { unique, children } = key as Extract<typeof key, { source: 'surrogate' }>;
  expect([unique.length, children.length]).toEqual([63, 63]);
});

test('what is left out has the default of the design', () => {
  const plan = loadPlanText(smallest, 'small.yaml');
  expect(plan).toMatchObject({
    keys: { source: 'derived', version: 7, time: 'created_at' },
    map: { strategy: 'in-place', batch: 5000, parallel: 2 },
    twins: 'ask',
    locks: { quietWait: 2000, stall: 150, tries: 30, within: 600_000 },
    probes: { success: 0.1, rollback: 0.2 },
    revalidate: 3_600_000,
    backup: 'tables',
    rehearsal: 'skip',
  });
  expect(plan.phases.map((p) => p.checkpoints.map((c) => c.checkpoint))).toEqual([
    ['after'],
    ['before-swap', 'after-swap'],
    ['before-drop', 'after'],
  ]);
  expect(plan.phases.map((p) => p.backup)).toEqual(['full', 'tables', 'full']);
  expect(plan.phases[1]?.rollback).toEqual({ on: [], askOn: [] });
});

test('names outside public keep their schema, and public is left out', () => {
  const plan = loadPlanText(smallest.replace('[users', '[public.users'), 'small.yaml');
  expect((plan.phases[1] as TablesPhase).tables.map((t) => t.table)).toEqual([
    'users',
    'crm.leads',
    '"a.b".Order',
  ]);
});

test('the words of a phase stand over those of the plan, word by word, and those of a table over both', () => {
  const plan = loadPlanText(
    smallest
      .replace(
        'phases:',
        'map: { batch: 100, parallel: 4 }\nbackup: { external: nightly }\ntwins: late\nphases:',
      )
      .replace('tables: [users,', 'map: { batch: 200 }, tables: [{table: users, map: {batch: 300}},'),
    'small.yaml',
  );
  const users = plan.phases[1] as TablesPhase;
  expect(users.map).toMatchObject({ batch: 200, parallel: 4 });
  expect(users.tables.map((t) => [t.map.batch, t.map.parallel])).toEqual([
    [300, 4],
    [200, 4],
    [200, 4],
  ]);
  expect(users.twins).toBe('late');
  expect(plan.phases.map((p) => p.backup)).toEqual(Array(3).fill({ external: 'nightly' }));
});

test('a checkpoint can be switched off, all but the one before the drop', () => {
  const off = smallest.replace(
    'phase: users,',
    'phase: users, checkpoints: { before-swap: off, before: on },',
  );
  expect(loadPlanText(off, 'small.yaml').phases[1]?.checkpoints.map((c) => c.checkpoint)).toEqual([
    'before',
    'after-swap',
  ]);
  const drop = smallest.replace('kind: cleanup', 'kind: cleanup, checkpoints: { before-drop: off }');
  expect(() => loadPlanText(drop, 'small.yaml')).toThrow('before-drop cannot be switched off');
});

test('a variable in an address stays a variable', () => {
  expect(JSON.stringify(loadPlanText(everyWord, fileName))).toContain('${TESTAPP_URL}/login');
});
