import type { RekeyError } from '../../src/errors.js';
import { loadPlanText } from '../../src/plan/load.js';
import { PlanErrors } from '../../src/plan/problems.js';
import { everyWord, fileName } from './every-word.js';

function errorsOf(text: string): readonly RekeyError[] {
  try {
    loadPlanText(text, fileName);
  } catch (error) {
    expect(error).toBeInstanceOf(PlanErrors);
    expect((error as PlanErrors).type).toBe('BadInput');
    return (error as PlanErrors).errors;
  }
  throw new Error('the plan was taken as it is');
}

/** Where a text stands in the plan, as an operator's editor would say it. */
function place(text: string, of: string): string {
  const at = text.indexOf(of);
  const before = text.slice(0, at).split('\n');
  return `${fileName}:${before.length}:${before.at(-1)!.length + 1}`;
}

interface Case {
  what: string;
  /** this text of the plan ... */
  change: string;
  /** ... becomes this */
  into: string;
  code: string;
  field: string;
  says: string;
  /** the text that the error points at, the changed text where it is left out */
  at?: string;
}

const long = 'n'.repeat(64);

const cases: Case[] = [
  {
    what: 'an unknown word of the plan',
    change: 'twins:  early',
    into: 'twinz: early',
    code: 'plan.unknown-word',
    field: 'twinz',
    says: 'did you mean twins?',
  },
  {
    what: 'an unknown word of a phase',
    change: 'risk: critical',
    into: 'riks: critical',
    code: 'plan.unknown-word',
    field: 'phases[users].riks',
    says: 'did you mean risk?',
  },
  {
    what: 'a word with an underscore',
    change: 'on-timeout: rollback',
    into: 'on_timeout: rollback',
    code: 'plan.unknown-word',
    field: 'phases[users].checkpoints.before-swap.on_timeout',
    says: 'did you mean on-timeout?',
  },
  {
    what: 'an unknown word of a key',
    change: 'adopt: planning_attribute_id',
    into: 'adapt: planning_attribute_id',
    code: 'plan.unknown-word',
    field: 'phases[attributes].tables[2].key.adapt',
    says: 'did you mean adopt?',
  },
  {
    what: 'an unknown kind of phase',
    change: 'kind: foundation',
    into: 'kind: fundation',
    code: 'plan.unknown-value',
    field: 'phases[foundation].kind',
    says: 'did you mean foundation?',
  },
  {
    what: 'an unknown strategy',
    change: 'strategy: in-place',
    into: 'strategy: inplace',
    code: 'plan.unknown-value',
    field: 'map.strategy',
    says: 'did you mean in-place?',
  },
  {
    what: 'a duration with a wrong unit',
    change: 'stall: 150ms',
    into: 'stall: 150m',
    code: 'plan.bad-duration',
    field: 'locks.stall',
    says: 'did you mean 150min?',
  },
  {
    what: 'a duration without a unit',
    change: 'revalidate: 1h',
    into: 'revalidate: 60',
    code: 'plan.bad-duration',
    field: 'revalidate',
    says: 'has no unit',
  },
  {
    what: 'a duration of nothing',
    change: 'stall: 150ms',
    into: 'stall: 0ms',
    code: 'plan.bad-duration',
    field: 'locks.stall',
    says: 'too short',
  },
  {
    what: 'a duration longer than a year',
    change: 'timeout: 48h',
    into: 'timeout: 900d',
    code: 'plan.bad-duration',
    field: 'phases[users].checkpoints.before-swap.timeout',
    says: 'too long',
  },
  {
    what: 'a share without its sign',
    change: 'success: 10%',
    into: 'success: 0.1',
    code: 'plan.bad-share',
    field: 'probes.success',
    says: '10%',
  },
  {
    what: 'a number that is none',
    change: 'parallel: 2',
    into: 'parallel: two',
    code: 'plan.bad-value',
    field: 'map.parallel',
    says: 'whole number',
  },
  {
    what: 'a list that is none',
    change: 'tables: [users, lobs, roles, permissions]',
    into: 'tables: users',
    code: 'plan.wrong-type',
    field: 'phases[users].tables',
    says: 'must be a list',
  },
  {
    what: 'a mapping that is none',
    change: 'locks:  { quiet-wait: 2s, stall: 150ms, tries: 30, within: 10min }',
    into: 'locks: 5',
    code: 'plan.wrong-type',
    field: 'locks',
    says: 'quiet-wait',
  },
  {
    what: 'a time of day that is none',
    change: 'from: "22:00"',
    into: 'from: "25:00"',
    code: 'plan.bad-time',
    field: 'phases[users].window.from',
    says: 'time of day',
  },
  {
    what: 'a zone that nobody knows',
    change: 'zone: Europe/Berlin',
    into: 'zone: Europe/Berlim',
    code: 'plan.bad-zone',
    field: 'phases[users].window.zone',
    says: 'did you mean Europe/Berlin?',
  },
  {
    what: 'a window shorter than its locks may take',
    change: 'to: "04:00"',
    into: 'to: "22:05"',
    code: 'plan.bad-value',
    field: 'phases[users].window',
    says: 'shorter than locks.within',
    at: 'window:',
  },
  {
    what: 'a table name that is none',
    change: '[audit_logs, ',
    into: '["a.b.c", ',
    code: 'plan.bad-name',
    field: 'phases[leaf-tables].tables[0]',
    says: '[schema.]table',
    at: '"a.b.c"',
  },
  {
    what: 'a column without its table',
    change: 'from: llm_audit_logs.actor_id',
    into: 'from: actor_id',
    code: 'plan.bad-name',
    field: 'references[0].from',
    says: 'table.column',
  },
  {
    what: 'a table in two phases',
    change: 'observations, samples',
    into: 'users, samples',
    code: 'plan.table-twice',
    field: 'phases[dependents].tables[1]',
    says: 'the table users is in the phases users and dependents',
    at: 'users, samples',
  },
  {
    what: 'two phases of one name',
    change: 'phase: attributes',
    into: 'phase: users',
    code: 'plan.duplicate',
    field: 'phases[users].phase',
    says: 'two of the phase "users"',
    at: 'phase: users\n    tables:\n      - report',
  },
  {
    what: 'a word that stands twice',
    change: 'risk: critical',
    into: 'phase: critical',
    code: 'plan.duplicate',
    field: 'phases[users].phase',
    says: 'stands here twice',
    at: 'phase: critical',
  },
  {
    what: 'a phase without a name',
    change: '- phase: dependents\n   ',
    into: '-',
    code: 'plan.missing',
    field: 'phases[5].phase',
    says: '"phase" is missing',
    at: 'tables: [test_executions',
  },
  {
    what: 'a word without its value',
    change: 'risk: critical',
    into: 'risk:',
    code: 'plan.empty',
    field: 'phases[users].risk',
    says: 'has no value',
  },
  {
    what: 'orphans that were forgotten',
    change: 'orphans: refuse }',
    into: 'orphans: }',
    code: 'plan.empty',
    field: 'references[0].orphans',
    says: 'has no value',
  },
  {
    what: 'a hazard accepted without a reason',
    change: ', because: "the application names its columns everywhere (checked 2026-05-04)"',
    into: '',
    code: 'plan.missing',
    field: 'accept[0].because',
    says: '"because" is missing',
    at: '{ hazard: column-order',
  },
  {
    what: 'a first phase that is no foundation',
    change: 'kind: foundation',
    into: 'tables: [xy]',
    code: 'plan.no-foundation',
    field: 'phases[foundation]',
    says: 'must be of kind foundation',
    at: 'phase: foundation',
  },
  {
    what: 'a cleanup in the middle',
    change: 'tables: [test_executions, observations, samples, rfi_requests, data_profiles]',
    into: 'kind: cleanup',
    code: 'plan.phase-order',
    field: 'phases[dependents].kind',
    says: 'can only be the last phase',
  },
  {
    what: 'a checkpoint that this kind of phase does not have',
    change: 'before:      {',
    into: 'before-drop: {',
    code: 'plan.unknown-word',
    field: 'phases[users].checkpoints.before-drop',
    says: '"before-drop"',
  },
  {
    what: 'more approvals than people who may give them',
    change: 'approvals: 2',
    into: 'approvals: 4',
    code: 'plan.too-many-approvals',
    field: 'phases[users].checkpoints.before-swap.approvals',
    says: '3 may approve',
  },
  {
    what: 'an escalation without a hook',
    change: 'on-timeout: rollback',
    into: 'on-timeout: escalate',
    code: 'plan.no-hook',
    field: 'phases[users].checkpoints.before-swap.on-timeout',
    says: 'hook escalate',
  },
  {
    what: 'an unknown moment of a hook',
    change: 'after-swap: start-application',
    into: 'afterswap: start-application',
    code: 'plan.unknown-word',
    field: 'phases[users].hooks.afterswap',
    says: 'did you mean after-swap?',
  },
  {
    what: 'a hook whose name leads somewhere else',
    change: 'hook: old-token',
    into: 'hook: ../old-token',
    code: 'plan.bad-name',
    field: 'phases[users].checks[1].hook',
    says: 'is not a name',
  },
  {
    what: 'a reason that both rolls back and asks',
    change: 'ask-on: [probe]',
    into: 'ask-on: [validation]',
    code: 'plan.duplicate',
    field: 'phases[users].rollback',
    says: 'validation stands here twice',
    at: 'rollback: { on',
  },
  {
    what: 'a name of more than 63 bytes',
    change: 'surrogate: id',
    into: `surrogate: ${long}`,
    code: 'plan.name-too-long',
    field: 'phases[workflow-core].tables[3].key.surrogate',
    says: '64 bytes',
  },
  {
    what: 'a name of 63 letters and more bytes',
    change: 'unique: uq_cycle_report',
    into: `unique: ${'ä'.repeat(63)}`,
    code: 'plan.name-too-long',
    field: 'phases[workflow-core].tables[3].key.unique',
    says: '126 bytes',
  },
  {
    what: 'children without a surrogate',
    change: 'key: { surrogate: id, unique: uq_cycle_report }, ',
    into: '',
    code: 'plan.bad-value',
    field: 'phases[workflow-core].tables[3].children',
    says: 'surrogate',
    at: 'children: cycle',
  },
  {
    what: 'an index that would hold writers up',
    change: 'index concurrently idx_users',
    into: 'index idx_users',
    code: 'plan.bad-index',
    field: 'phases[cleanup].indexes[0]',
    says: 'without concurrently',
    at: '"create index idx_users',
  },
  {
    what: 'an index without a name',
    change: 'concurrently idx_users_uuid_hash on',
    into: 'concurrently on',
    code: 'plan.bad-index',
    field: 'phases[cleanup].indexes[0]',
    says: 'must name the index',
    at: '"create index concurrently on',
  },
  {
    what: 'a second statement behind an index',
    change: 'hash (user_id)"',
    into: 'hash (user_id); drop table users"',
    code: 'plan.bad-index',
    field: 'phases[cleanup].indexes[0]',
    says: 'one statement',
    at: '"create index concurrently idx_users',
  },
  {
    what: 'a redundant column without its table',
    change: '[workflow_phases.cycle_id, ',
    into: '[cycle_id, ',
    code: 'plan.bad-name',
    field: 'phases[cleanup].redundant[0]',
    says: 'table.column',
    at: 'cycle_id, workflow',
  },
  {
    what: 'an address that is none',
    change: '"${TESTAPP_URL}/login"',
    into: '"ftp://x/login"',
    code: 'plan.bad-value',
    field: 'phases[users].checks[0].http.post',
    says: 'http or https',
    at: 'post:',
  },
  {
    what: 'a variable that does not end',
    change: '"${TESTAPP_URL}/login"',
    into: '"${TESTAPP_URL/login"',
    code: 'plan.bad-variable',
    field: 'phases[users].checks[0].http.post',
    says: '${NAME}',
    at: 'post:',
  },
  {
    what: 'a check of two kinds',
    change: 'hook: old-token',
    into: 'hook: old-token, sql: select 1',
    code: 'plan.bad-value',
    field: 'phases[users].checks[1]',
    says: 'sql and hook',
    at: '{ check: a token',
  },
  {
    what: 'a polymorphic reference without by',
    change: 'by: entity_type, ',
    into: '',
    code: 'plan.bad-value',
    field: 'references[3].to',
    says: 'need by',
    at: 'to: { user: users',
  },
  {
    what: 'limits of probes the wrong way round',
    change: 'rollback: 20%',
    into: 'rollback: 5%',
    code: 'plan.bad-value',
    field: 'probes.success',
    says: 'above',
    at: 'success:',
  },
  {
    what: 'a switched-off signal without a reason',
    change: 'replica-lag: 10s',
    into: 'replica-lag: off',
    code: 'plan.no-because',
    field: 'map.pause-when.replica-lag',
    says: 'nothing says why',
  },
  {
    what: 'a size without its unit',
    change: 'oldest-transaction: 15min',
    into: 'oldest-transaction: 15min, wal-kept: 20gb',
    code: 'plan.bad-size',
    field: 'map.pause-when.wal-kept',
    says: 'did you mean 20GB?',
    at: 'wal-kept: 20gb',
  },
  {
    what: 'a limit to free disk that no hook measures',
    change: '    risk: critical ',
    into: '    map: { pause-when: { free-disk: 20GB } }\n    risk: critical ',
    code: 'plan.no-hook',
    field: 'phases[users].hooks.free-disk',
    says: 'no hook says how much',
    at: 'hooks: { before-swap: stop-application',
  },
  {
    what: 'a version of plans to come',
    change: 'version: 1\n',
    into: 'version: 2\n',
    code: 'plan.bad-value',
    field: 'version',
    says: 'version of a plan is 1',
    at: 'version: 2',
  },
];

test.each(cases)(
  '$what is refused with file, line, column and field',
  ({ change, into, code, field, says, at }) => {
    expect(everyWord).toContain(change);
    const text = everyWord.replace(change, () => into);
    const [error, ...others] = errorsOf(text);
    expect(others).toEqual([]);
    expect(error!.code).toBe(code);
    expect(error!.message).toContain(says);
    expect(error!.where).toBe(`${place(text, at ?? into)} ${field}`);
    expect(error!.remedy).toMatch(/\S/);
  },
);

test('all errors of a file are told in one go, in the order of its lines', () => {
  const text = everyWord
    .replace('twins:  early', 'twinz: early')
    .replace('150ms', '150')
    .replace('tables: [users, lobs', 'tables: [users, users, lobs')
    .replace('Europe/Berlin', 'Europe/Berlim')
    .replace('hash (user_id)"', 'hash (user_id); select 1"');
  const errors = errorsOf(text);
  expect(errors.map((e) => e.code)).toEqual([
    'plan.unknown-word',
    'plan.bad-duration',
    'plan.table-twice',
    'plan.bad-zone',
    'plan.bad-index',
  ]);
  const all = new PlanErrors(errors);
  expect(all.message.split('\n')).toHaveLength(5);
  expect(all.message.split('\n')[4]).toContain('phases[cleanup].indexes[0]');
});

test('a file that is no YAML, or is empty, is refused with its line', () => {
  expect(errorsOf('version: 1\nplan: [a\n')[0]).toMatchObject({ code: 'plan.bad-yaml' });
  expect(errorsOf('version: 1\nplan: [a\n')[0]!.where).toMatch(/^every-word\.yaml:\d+:\d+$/);
  expect(errorsOf('')[0]).toMatchObject({ code: 'plan.bad-yaml', where: 'every-word.yaml:1:1' });
  expect(errorsOf('- a list')[0]).toMatchObject({ code: 'plan.wrong-type' });
});

test('no message shows what stands in a header', () => {
  const text = everyWord.replace('expect: 200', 'headers: { Authorization: [s3cret] }, expect: 200');
  expect(new PlanErrors(errorsOf(text)).message).not.toContain('s3cret');
});
