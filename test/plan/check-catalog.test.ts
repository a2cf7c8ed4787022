import { checkPlanAgainst } from '../../src/plan/check-catalog.js';
import { integerKeysInNoPhase, type KeyFacts } from '../../src/plan/domains.js';
import { readPlanText } from '../../src/plan/load.js';
import { factsOf, refer } from './facts.js';

const testapp = factsOf({
  lobs: 'lob_id*, head_user_id null > users',
  users: 'user_id*, email text, lob_id null > lobs, manager_id null > users, created_at timestamptz',
  user_preferences: 'user_id* > users, theme text',
  roles: 'role_id* smallint',
  user_roles: 'user_id* > users, role_id* > roles',
  test_cycles: 'cycle_id* bigint',
  cycle_reports: 'cycle_id* bigint > test_cycles, n*, note text',
  phases: 'phase_id*, cycle_id bigint, n',
  planning: 'id*, phase_id > phases',
  scoping: 'attribute_id*, planning_attribute_id unique > planning, other null > planning',
  countries: 'code* text',
  devices: 'id* uuid, gid uuid unique, label text',
  logs: 'actor_id, details jsonb, ids integer[]',
});
refer(testapp, 'phases', ['cycle_id', 'n'], 'cycle_reports', ['cycle_id', 'n']);
testapp.indexNames = [{ table: 'phases', name: 'phases_by_cycle' }];
testapp.constraintNames = [
  { table: 'cycle_reports', name: 'note_is_short' },
  { table: 'phases', name: 'phase_is_named' },
];
testapp.relations = [
  { schema: 'public', name: 'report_numbers', called: 'sequence report_numbers' },
  { schema: 'elsewhere', name: 'far_away', called: 'view elsewhere.far_away' },
];

function planOf(tables: string, rest = ''): string {
  return `version: 1
plan: t
${rest}
phases:
  - { phase: foundation, kind: foundation }
${tables}
  - { phase: cleanup, kind: cleanup }
`;
}

const whole = planOf(`  - { phase: one, tables: [users, lobs, roles, test_cycles] }
  - phase: two
    tables:
      - { table: cycle_reports, key: { surrogate: id }, children: cycle_report_id }
      - phases
      - planning
      - { table: scoping, key: { adopt: planning_attribute_id, as: id } }`);

function errors(text: string, facts: KeyFacts = testapp) {
  const { plan, locate } = readPlanText(text, 't.yaml');
  return checkPlanAgainst(plan, facts, { locate })?.errors ?? [];
}

test('a plan that fits its database has no errors', () => {
  expect(errors(whole)).toEqual([]);
});

const cases: [string, string, string, RegExp, string][] = [
  [
    'a table that is not there',
    whole.replace('[users,', '[usres,'),
    'plan.unknown-table',
    /no table usres \(did you mean users\?\)/,
    't.yaml:6:28 phases[one].tables[0]',
  ],
  [
    'a table without a key',
    whole.replace('- planning\n', '- planning\n      - logs\n'),
    'plan.no-key',
    /logs has no primary key/,
    't.yaml:12:9 phases[two].tables[3]',
  ],
  [
    'a key that is text',
    whole.replace('[users,', '[countries, users,'),
    'plan.key-not-integer',
    /countries\.code has the type text/,
    't.yaml:6:28 phases[one].tables[0]',
  ],
  [
    'a key that is a UUID already',
    whole.replace('[users,', '[devices, users,'),
    'plan.key-not-integer',
    /type uuid/,
    't.yaml:6:28 phases[one].tables[0]',
  ],
  [
    'a composite key without a surrogate',
    whole.replace('[users,', '[user_roles, users,'),
    'plan.composite-key',
    /the key of user_roles is composite/,
    't.yaml:6:28 phases[one].tables[0]',
  ],
  [
    'a surrogate for a key of one column',
    whole
      .replace('[users,', '[{ table: roles, key: { surrogate: uid } }, users,')
      .replace(' roles, test', ' test'),
    'plan.surrogate-not-needed',
    /it needs no surrogate/,
    't.yaml:6:28 phases[one].tables[0]',
  ],
  [
    'a surrogate whose name is taken',
    whole.replace('surrogate: id', 'surrogate: note'),
    'plan.name-taken',
    /has a column "note" already/,
    't.yaml:9:40 phases[two].tables[0].key.surrogate',
  ],
  [
    'a surrogate whose constraint has a name that is taken',
    whole.replace('surrogate: id', 'surrogate: id, unique: users_pkey'),
    'plan.name-taken',
    /users_pkey is taken/,
    't.yaml:9:55 phases[two].tables[0].key.unique',
  ],
  [
    'a surrogate whose constraint has the name of a table',
    whole.replace('surrogate: id', 'surrogate: id, unique: countries'),
    'plan.name-taken',
    /countries is taken, by the table countries/,
    't.yaml:9:55 phases[two].tables[0].key.unique',
  ],
  [
    'a surrogate whose constraint has the name of an index',
    whole.replace('surrogate: id', 'surrogate: id, unique: phases_by_cycle'),
    'plan.name-taken',
    /phases_by_cycle is taken, by a constraint or an index of phases/,
    't.yaml:9:55 phases[two].tables[0].key.unique',
  ],
  [
    'a surrogate whose constraint has the name of a sequence',
    whole.replace('surrogate: id', 'surrogate: id, unique: report_numbers'),
    'plan.name-taken',
    /report_numbers is taken, by the sequence report_numbers/,
    't.yaml:9:55 phases[two].tables[0].key.unique',
  ],
  [
    'a surrogate whose constraint has the name of a check of its table',
    whole.replace('surrogate: id', 'surrogate: id, unique: note_is_short'),
    'plan.name-taken',
    /note_is_short is taken, by a constraint of cycle_reports/,
    't.yaml:9:55 phases[two].tables[0].key.unique',
  ],
  [
    'children whose column is there already',
    whole.replace('children: cycle_report_id', 'children: phase_id'),
    'plan.name-taken',
    /phases has a column "phase_id"/,
    't.yaml:9:57 phases[two].tables[0].children',
  ],
  [
    'a key that is a reference, in another phase than its parent',
    whole.replace('- planning\n', '- planning\n      - user_preferences\n'),
    'plan.key-is-reference',
    /refers to users, which moves in the phase one/,
    't.yaml:12:9 phases[two].tables[3]',
  ],
  [
    'a key that is a reference, without its parent',
    whole.replace('[users, lobs,', '[user_preferences, lobs,'),
    'plan.key-is-reference',
    /which no phase lists/,
    't.yaml:6:28 phases[one].tables[0]',
  ],
  [
    'an adopted column that is not there',
    whole.replace('adopt: planning_attribute_id', 'adopt: planing_attribute_id'),
    'plan.unknown-column',
    /did you mean planning_attribute_id\?/,
    't.yaml:12:34 phases[two].tables[3].key.adopt',
  ],
  [
    'an adopted name that is taken',
    whole.replace('as: id', 'as: other'),
    'plan.name-taken',
    /scoping has a column "other"/,
    't.yaml:12:64 phases[two].tables[3].key.as',
  ],
  [
    'a redundant column that is not there',
    whole.replace('kind: cleanup', 'kind: cleanup, redundant: [phases.cycleid]'),
    'plan.unknown-column',
    /no column "cycleid" \(did you mean cycle_id\?\)/,
    't.yaml:13:50 phases[cleanup].redundant[0]',
  ],
];

test.each(cases)('%s is refused with its place in the file', (_, text, code, says, where) => {
  const [error, ...others] = errors(text);
  expect(others).toEqual([]);
  expect(error?.code).toBe(code);
  expect(error?.message).toMatch(says);
  expect(error?.where).toBe(where);
});

test("a surrogate's constraint may have the name of another schema's view, or of another table's check", () => {
  for (const free of ['far_away', 'phase_is_named'])
    expect(errors(whole.replace('surrogate: id', `surrogate: id, unique: ${free}`))).toEqual([]);
});

test('an adopted reference must be unique and not null', () => {
  const found = errors(whole.replace('adopt: planning_attribute_id', 'adopt: other'));
  expect(found.map((e) => e.code)).toEqual(['plan.adopted-not-unique', 'plan.adopted-null']);
});

test('an adopted key can not come from a later phase', () => {
  const text = planOf(`  - { phase: one, tables: [{ table: scoping, key: { adopt: planning_attribute_id } }] }
  - { phase: two, tables: [planning] }`);
  expect(errors(text).map((e) => e.code)).toEqual(['plan.adopted-order']);
});

test('a stored key must be a column of unique UUIDs', () => {
  const facts = factsOf({ a: 'id*, gid uuid unique', b: 'id*, gid uuid null', c: 'id*, gid text unique' });
  const text = planOf(`  - phase: one
    tables:
      - { table: a, key: { stored: gid } }
      - { table: b, key: { stored: gid } }
      - { table: c, key: { stored: gid } }`);
  expect(errors(text, facts).map((e) => e.code)).toEqual([
    'plan.stored-null',
    'plan.stored-not-unique',
    'plan.stored-not-uuid',
  ]);
});

test('the column that a table takes its order from must be a time', () => {
  const text = (time: string) =>
    planOf(`  - { phase: one, tables: [{ table: users, key: { time: ${time} } }, lobs] }`);
  expect(errors(text('created')).map((e) => e.code)).toEqual(['plan.unknown-column']);
  expect(errors(text('email')).map((e) => e.code)).toEqual(['plan.time-type']);
  expect(errors(text('created_at'))).toEqual([]);
});

test('keys that foreign keys tie together are refused in two phases', () => {
  const facts = factsOf({ a: 'id*', b: 'id*', both: 'x > a' });
  refer(facts, 'both', ['x'], 'b', ['id']);
  const text = planOf('  - { phase: one, tables: [a] }\n  - { phase: two, tables: [b] }');
  expect(errors(text, facts).map((e) => e.code)).toEqual(['plan.domain-in-two-phases']);
});

test('a declared reference names columns that are there, of a type that can hold it, and a target that moves', () => {
  const withReferences = (...references: string[]) =>
    whole.replace('\nphases:', `references:\n${references.map((r) => `  - { ${r} }\n`).join('')}phases:`);
  const codes = (...references: string[]) => errors(withReferences(...references)).map((e) => e.code);
  expect(
    codes(
      'from: logs.actor_id, to: users',
      'from: logs.ids, each: element, to: lobs',
      'from: logs.details, path: user_id, to: users',
    ),
  ).toEqual([]);
  expect(codes('from: logs.actor, to: users')).toEqual(['plan.unknown-column']);
  expect(codes('from: log.actor_id, to: users')).toEqual(['plan.unknown-table']);
  expect(codes('from: logs.details, to: users')).toEqual(['plan.reference-type']);
  expect(codes('from: logs.actor_id, by: kind, to: { user: users }')).toEqual(['plan.unknown-column']);
  expect(codes('from: logs.actor_id, to: devices')).toEqual(['plan.target-in-no-phase']);
  expect(codes('from: logs.actor_id, to: user_preferences')).toEqual([]);
});

test('phases that are done are not asked for the integers that they had', () => {
  const { plan } = readPlanText(whole, 't.yaml');
  const moved = factsOf({
    ...{
      users: 'user_id* uuid',
      lobs: 'lob_id* uuid',
      roles: 'role_id* uuid',
      test_cycles: 'cycle_id* uuid',
    },
  });
  expect(checkPlanAgainst(plan, moved, { phases: ['cleanup'] })).toBeNull();
  expect(checkPlanAgainst(plan, moved, { phases: ['one'] })?.errors.map((e) => e.code)).toEqual(
    Array(4).fill('plan.key-not-integer'),
  );
});

test('an accepted hazard on a table that is nearly there is misspelt; words that are no tables are left alone', () => {
  const accepting = (on: string) =>
    errors(whole.replace('\nphases:', `accept: [{ hazard: x, on: ${on}, because: y }]\nphases:`)).map(
      (e) => e.code,
    );
  expect(accepting('usres')).toEqual(['plan.unknown-table']);
  expect(accepting('users.email')).toEqual([]);
  const facts = factsOf({ disks: 'id*' });
  const text = planOf(
    '  - { phase: one, tables: [disks] }',
    'accept: [{ hazard: disk-not-known, on: disk, because: y }]',
  );
  expect(errors(text, facts)).toEqual([]);
});

test('integer keys that are in no phase are listed, those that move with another are not', () => {
  const { plan } = readPlanText(whole.replace('users, lobs, roles', 'users, lobs'), 't.yaml');
  expect(integerKeysInNoPhase(plan, testapp)).toEqual([
    { table: 'roles', column: 'role_id', type: 'smallint' },
    { table: 'user_roles', column: 'role_id', type: 'integer' },
    { table: 'cycle_reports', column: 'n', type: 'integer' },
  ]);
});
