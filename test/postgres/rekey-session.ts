import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import type { Session } from '../../src/postgres/session.js';
import { type ConnectedDatabase, connectedDatabase } from './database.js';

export interface RekeySession {
  database: ConnectedDatabase;
  session: Session;
}

/** A database of the file that calls this, with the schema rekey and a session in it; to be looked into when tests run. */
export function rekeySession(): RekeySession {
  const at = {} as RekeySession;
  beforeAll(async () => {
    at.database = await connectedDatabase();
    at.session = await openSession(at.database.connection, 'test');
    await createRekeySchema(at.session);
  });
  afterAll(async () => {
    await at.session?.close();
    await at.database?.drop();
  });
  return at;
}
