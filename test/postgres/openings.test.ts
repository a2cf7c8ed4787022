import { wayBackNow } from '../../activities/way-back.js';
import { loadPlanText } from '../../src/plan/load.js';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { storeDocument } from '../../src/postgres/documents.js';
import { openGate } from '../../src/postgres/gates.js';
import { openPhaseRow } from '../../src/postgres/phases.js';
import type { Session } from '../../src/postgres/session.js';
import { readDatabaseStatus } from '../../src/report/database-status.js';
import { nextByJournal } from '../../src/report/next-commands.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

let database: ConnectedDatabase;
let session: Session;
beforeAll(async () => {
  database = await connectedDatabase();
  session = await openSession(database.connection, 'test');
  await createRekeySchema(session);
});
afterAll(async () => {
  await session.close();
  await database.drop();
});

const gate = { phase: 'foundation', gate: 'after', planHash: 'abc', parked: false, deadline: null };

test('after the schema has been dropped and made anew no opening has a number that was there before', async () => {
  let last = 0;
  for (const key of ['1', '2']) last = (await openGate(session, { ...gate, key: `a ${key}` })).opening;
  // as rolling foundation back does; a checkpoint is not opened more than once a second over a whole migration
  const begun = Math.floor(Date.now() / 1000) - 1;
  await database.sql('drop schema rekey cascade');
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await createRekeySchema(session);
  const { opening } = await openGate(session, { ...gate, key: 'b 1' });
  expect(opening).toBeGreaterThan(last);
  expect(opening).toBeGreaterThan(begun);
});

test('making the schema again, as every start of a phase does, leaves the numbers of its openings alone', async () => {
  const before = await openGate(session, { ...gate, key: 'c 1' });
  await createRekeySchema(session);
  const after = await openGate(session, { ...gate, key: 'c 2' });
  expect(after.opening).toBe(before.opening + 1);
});

test('an opening of a schema that an earlier Rekey made gets its actions all the same', async () => {
  await database.sql('alter table rekey.opening drop column actions');
  await createRekeySchema(session);
  const { actions } = await openGate(session, { ...gate, parked: true, actions: ['retry'], key: 'd 1' });
  expect(actions).toEqual(['retry']);
});

test.each([
  ['a step of a rollback', 'undo addColumns', ['retry']],
  ['a failed validation of a rollback', 'validate', ['retry']],
  ['a failed check, which may be left out', 'validate', ['retry', 'skip', 'rollback']],
  ['a step that goes forward', 'buildTwins', ['retry', 'rollback']],
])(
  'by the journal alone, %s that parks offers what the workflow would take, and nothing else',
  async (_what, step, actions) => {
    const plan = loadPlanText(
      'version: 1\nplan: shop\nphases:\n  - { phase: foundation, kind: foundation }\n  - { phase: users, tables: [users] }\n',
      'shop.yaml',
    );
    await openPhaseRow(session, {
      phase: 'users',
      plan: 'shop',
      planHash: 'abc',
      position: 1,
      kind: 'tables',
      planDocument: await storeDocument(session, 'plan', JSON.stringify(plan)),
      wroteVersion: '0.1.0',
    });
    const parking = { ...gate, phase: 'users', gate: step, parked: true, actions };
    const { opening } = await openGate(session, { ...parking, key: `e ${actions.join()} ${step}` });
    const next = nextByJournal(await readDatabaseStatus(session, wayBackNow), 'shop', {
      workflowId: 'shop/users',
    });
    expect(next.map(({ command }) => /"opening":(\d+).*"action":"(\w+)"/.exec(command)?.slice(1))).toEqual(
      actions.map((action) => [String(opening), action]),
    );
  },
);
