import { failureJson, failureText } from '../../src/cli/failure.js';
import { findingsText } from '../../src/cli/findings.js';
import { preflightNotesText, workflowNotesText } from '../../src/cli/notes-text.js';
import { statusText } from '../../src/cli/status-text.js';
import type { RekeyError } from '../../src/errors.js';
import { connectionConfig } from '../../src/postgres/environment.js';
import type { DatabaseStatus } from '../../src/report/database-status.js';
import { nextByJournal } from '../../src/report/next-commands.js';
import { noteLines, notesByCode } from '../../src/report/notes-by-code.js';
import type { MemoStatus, TemporalStatus } from '../../src/report/temporal-status.js';

const now = new Date('2026-05-01T12:00:00Z');
const nothing: DatabaseStatus = {
  database: 'shop',
  asOf: now,
  plan: null,
  owner: null,
  phases: [],
  current: null,
  waits: [],
};

function ended(state: string): TemporalStatus {
  const failure = {
    step: 'openPhase',
    code: 'phase.order',
    message: 'users comes after foundation',
    remedy: 'Start with foundation.',
  };
  const memo = { plan: 'shop', state: 'parked', next: [], failure } as unknown as MemoStatus;
  return {
    address: '127.0.0.1:7233',
    namespace: 'default',
    workflowId: 'shop',
    silence: null,
    answer: { state, memo, pending: [], failedTasks: 0, workers: 1 },
  };
}

test('of a workflow that ended FAILED status says where, why and what to do', () => {
  const report = { connection: 'shop', database: nothing, next: [] };
  const text = statusText({ ...report, temporal: ended('FAILED') });
  expect(text).toContain('The workflow has ended FAILED: openPhase');
  expect(text).toMatch(/what {3}users comes after foundation\n {2}do {5}Start with foundation\./);
  // what a running workflow says of a parked step stands in the journal, too
  expect(statusText({ ...report, temporal: ended('RUNNING') })).not.toContain('has ended');
});

test('a start that no worker has taken up is told of, though nothing stands in the database yet', () => {
  const asked = ended('RUNNING');
  const temporal = {
    ...asked,
    answer: { ...(asked.answer as NonNullable<typeof asked.answer>), workers: 0 },
  };
  const text = statusText({ connection: 'shop', database: nothing, next: [], temporal });
  expect(text).toMatch(/Temporal {2}shop is RUNNING; NO WORKER polls the task queue/);
});

/** A phase that waits at a checkpoint, by the journal. */
const waiting = {
  row: { phase: 'users', plan: 'shop', planHash: 'aaaabbbbcccc', state: 'open', kind: 'tables' },
  planned: null,
  last: null,
  running: null,
  progress: [],
  paused: null,
  gate: {
    gate: 'after-swap',
    opening: 3,
    planHash: 'aaaabbbbcccc',
    parked: false,
    openedAt: now,
    deadline: null,
  },
  decisions: [],
  failure: null,
  wayBack: { open: true, because: 'legacy columns are kept in step since the cutover' },
  metrics: { longestLockMs: 0, longestLockStep: null, statements: 0, rows: 0, seconds: 0 },
  findings: 0,
  notes: [],
} as unknown as NonNullable<DatabaseStatus['current']>;
const owner = { workflowId: 'shop/users', namespace: 'default' } as NonNullable<DatabaseStatus['owner']>;
const open: DatabaseStatus = {
  ...nothing,
  plan: 'shop',
  owner,
  phases: [{ phase: 'users', planHash: 'aaaabbbbcccc', state: 'open' }] as DatabaseStatus['phases'],
  current: waiting,
};

test('where the workflow of an open phase has ended, status says that it stopped, not that it waits', () => {
  const report = { connection: 'shop', database: open, next: [] };
  const stopped = { ...ended('TERMINATED'), workflowId: 'shop/users' };
  const text = statusText({ ...report, temporal: stopped });
  expect(text).toContain('phase users of plan shop: STOPPED at after-swap: its workflow is TERMINATED');
  expect(text).not.toContain('Checkpoint after-swap');
  // another workflow that ended says nothing about this one
  const other = statusText({ ...report, temporal: ended('FAILED') });
  expect(other).toContain('phase users of plan shop: waiting for approval at after-swap');
  expect(other).toContain('Checkpoint after-swap, opening 3');
});

/** As the phase's own workflow tells it while it runs. */
function running(memo: object, failedTasks = 0): TemporalStatus {
  const found = ended('RUNNING');
  const answer = { ...(found.answer as NonNullable<typeof found.answer>), failedTasks };
  return {
    ...found,
    workflowId: 'shop/users',
    answer: { ...answer, memo: { phase: 'users', state: 'running', next: [], notes: [], ...memo } as never },
  };
}

test('a phase that the throttle holds says so at once', () => {
  const database = { ...open, current: { ...waiting, gate: null } };
  const held = running({ notes: ['held: users: replication lag is 12 s, the limit 10 s'] });
  const report = { connection: 'shop', database, next: [] };
  expect(statusText({ ...report, temporal: held })).toContain(
    'of plan shop: open, and held by the throttle\n',
  );
  expect(statusText({ ...report, temporal: running({}) })).toContain('of plan shop: open\n');
  // an index that is not begun, by the journal: the workflow waits for its activity and knows nothing
  const last = { step: 'buildTwins', at: now, held: 'replication lag is 12 s, the limit 10 s' };
  const building = { ...database, current: { ...database.current, last } };
  const text = statusText({ ...report, database: building, temporal: null });
  expect(text).toContain('of plan shop: open, and held by the throttle\n');
  expect(text).toMatch(/held +buildTwins, since .*: replication lag is 12 s/);
});

test('what the journal could not be told, the workflow tells: never an older failure in its place', () => {
  const failure = {
    step: 'validate',
    code: 'connection.no-answer',
    message: 'no answer',
    remedy: 'Start it.',
  };
  const older = { ...failure, code: 'validate.failed', message: 'an older one', at: now };
  const parked = running({ state: 'parked', failure });
  const gate = { ...(waiting.gate as NonNullable<typeof waiting.gate>), gate: 'validate', parked: true };
  const text = statusText({
    connection: 'shop',
    database: { ...open, current: { ...waiting, gate, failure: older } },
    temporal: parked,
    next: [],
  });
  expect(text).toContain('PARKED at validate');
  expect(text).toContain('What failed: validate\n');
  expect(text).toContain('no answer');
  expect(text).not.toContain('an older one');
  const none = { ...open, current: { ...waiting, gate: null } };
  expect(statusText({ connection: 'shop', database: none, temporal: parked, next: [] })).toContain(
    'PARKED at validate',
  );
});

test('workers that do not fit the history of a workflow are told of; one that was stopped in a task is not', () => {
  const report = { connection: 'shop', database: open, next: [] };
  expect(statusText({ ...report, temporal: running({}, 7) })).toMatch(
    /a workflow task has failed 7 times: see the\s+worker's log/,
  );
  expect(statusText({ ...report, temporal: running({}, 1) })).not.toContain('workflow task');
});

test('a phase that stopped goes on under the id of the migration that began it', () => {
  const next = nextByJournal(open, 'main', { isClosed: true, planFile: 'shop.yaml' });
  expect(next.map(({ command }) => command)).toEqual([
    expect.stringMatching(/--type runMigration --workflow-id shop .*"plan":"shop.yaml"/),
    expect.stringMatching(/--type rollBackPhase --workflow-id shop.yaml-rollback-users .*"phase":"users"/),
  ]);
});

test('where nothing has begun, status says how to start, and knows the plan where somebody tried it', () => {
  const [start] = nextByJournal(nothing, 'main', { planFile: 'shop', isClosed: true });
  expect(start?.command).toContain(`--workflow-id shop-main --fail-existing`);
});

test('the command that goes on names the namespace, where it is not the default one', () => {
  const elsewhere = { ...owner, workflowId: 'w', namespace: 'production' };
  const phases = [{ phase: 'users', state: 'new' }] as DatabaseStatus['phases'];
  const [first] = nextByJournal({ ...nothing, plan: 'shop', owner: elsewhere, phases }, 'main');
  expect(first?.command).toBe(
    `temporal workflow start --task-queue rekey --type runMigration --namespace production --workflow-id shop-main --fail-existing --input '{"plan":"shop","connection":"main"}'`,
  );
});

test('what preflight noted takes a line for each code, with how many objects it is about', () => {
  const notes = ['a', 'b', 'c', 'd', 'a'].map((on) => ({ hazard: 'trigger.fires', on }));
  const more = { hazard: 'shape.columns', on: 'users', accepted: true };
  expect(noteLines(notes)).toEqual(['trigger.fires (4): a, b, c and 1 more']);
  const groups = notesByCode([more, ...notes]);
  expect(preflightNotesText(groups).split('\n').slice(2)).toEqual([
    '  4  trigger.fires             a, b, c and 1 more',
    '  1  shape.columns (accepted)  users',
    '  docs/errors.md says what each code means; --json has all names.',
  ]);
  expect(preflightNotesText([])).toBe('');
});

test('the notes of the workflow repeat nothing that preflight noted, and tell the time to the second', () => {
  const groups = notesByCode([{ hazard: 'trigger.fires', on: 'users' }]);
  const text = workflowNotesText(
    [
      '2026-05-01T10:00:00.123Z preflight warns: trigger.fires (1): users',
      '2026-05-01T10:00:00.123Z preflight warns: free ports: expected no rows, found some',
      '2026-05-01T10:00:01.456Z pause by ann',
    ],
    groups,
  );
  expect(text.split('\n').slice(2)).toEqual([
    '  - 2026-05-01 10:00:00 UTC: preflight warns: free ports: expected no rows, found some',
    '  - 2026-05-01 10:00:01 UTC: pause by ann',
  ]);
});

test('a remedy on a terminal speaks of the environment of the command, not of a worker', () => {
  const thrown = (() => {
    try {
      return connectionConfig('shop', {});
    } catch (error) {
      return error as RekeyError;
    }
  })() as RekeyError;
  expect(thrown.remedy).toContain('in the environment of the worker');
  const text = failureText(thrown).replace(/\s+/g, ' ');
  expect(text).toContain('Set REKEY_CONNECTION_SHOP in the environment of this command');
  expect(text).not.toContain('worker');
  expect(JSON.stringify(failureJson(thrown))).not.toContain('worker');
});

test('a probe that got too slow is one line with its times and its limit, measured again or not', () => {
  const probe = (after: string) => ({
    phase: 'users',
    step: 'validate',
    check: 'probe orders of a person',
    object: 'users',
    count: 1,
    example: { before: '1.2 ms', after, limit: '20% slower' },
    at: now,
  });
  const text = findingsText([probe('8.9 ms'), probe('9.1 ms')], [], now);
  expect(text).toContain('1 finding\n');
  expect(text.split('\n').slice(4)).toEqual([
    '  probe orders of a person, last seen 12:00:00 UTC',
    '    users  1  1.2 ms before, 9.1 ms after; the plan allows 20% slower',
    '',
  ]);
});
