import { refuseServer } from '../../activities/check-plan.js';
import { openSession } from '../../src/postgres/connect.js';
import type { Session } from '../../src/postgres/session.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';

let database: ConnectedDatabase;
let session: Session;
beforeAll(async () => {
  database = await connectedDatabase();
  session = await openSession(database.connection, 'test');
});
afterAll(async () => {
  await session.close();
  await database.drop();
});

/** The same session to a server that says that it is of this version. */
const of = (version: number) => ({
  version,
  query: session.query.bind(session),
  transaction: session.transaction.bind(session),
});

test.each([130011, 190000])(
  'version %i is refused as a hazard before the schema rekey is made',
  async (version) => {
    await expect(refuseServer(of(version))).rejects.toMatchObject({
      type: 'Hazard',
      code: 'server-version',
      message: expect.stringContaining(`PostgreSQL ${(version / 10_000) | 0} is not supported: 14 to 18 are`),
    });
  },
);

test.each([140000, 180006])('version %i passes', (version) => refuseServer(of(version)));
