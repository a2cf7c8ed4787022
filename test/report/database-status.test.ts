import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { openPhaseRow, setPhaseState } from '../../src/postgres/phases.js';
import type { Session } from '../../src/postgres/session.js';
import { readDatabaseStatus } from '../../src/report/database-status.js';
import { nextByJournal } from '../../src/report/next-commands.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';

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

const status = () => readDatabaseStatus(session, async () => ({ open: true, because: 'nothing is swapped' }));

test('after a way back status tells of the phase that ended last, and goes on under the id of the migration', async () => {
  for (const [position, phase] of ['leaf-tables', 'users', 'orders'].entries()) {
    const common = { plan: 'shop', planHash: 'aaaabbbbcccc', planDocument: null as never, wroteVersion: '0' };
    await openPhaseRow(session, { phase, position, kind: 'tables', ...common });
    await setPhaseState(session, phase, 'done');
  }
  expect((await status()).current?.row.phase).toBe('orders');
  for (const phase of ['orders', 'users']) {
    await setPhaseState(session, phase, 'open');
    await setPhaseState(session, phase, 'rolled-back');
  }
  await session.execute(
    `insert into rekey.owner (plan, workflow_id, first_run_id, run_id, namespace, cluster_id)
     values ('shop', 'tonight/leaf-tables', 'a', 'a', 'default', 'a')`,
  );
  const now = await status();
  expect(now.current?.row).toMatchObject({ phase: 'users', state: 'rolled-back' });
  const [next, back] = nextByJournal(now, 'shop');
  expect(next?.command).toContain('--workflow-id tonight ');
  expect(back?.command).toMatch(/--type rollBackPhase .*"phase":"leaf-tables"/);
});
