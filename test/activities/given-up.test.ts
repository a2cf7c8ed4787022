import { isExhausted, remedyOnceGivenUp } from '../../activities/give-up.js';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { withSession } from '../../src/postgres/connect.js';
import { journalFailure, runStatement, writeJournal } from '../../src/postgres/journal.js';
import { postgresErrors } from '../../src/postgres/sqlstates.js';
import { connectedDatabase } from '../postgres/database.js';

const again = 'It was tried again in vain: mend what keeps it, then resolve with retry.';

test('a remedy never promises another try once the step has parked, and says what to type', () => {
  for (const { type, remedy } of Object.values(postgresErrors)) {
    if (type !== 'Transient') continue;
    const said = remedyOnceGivenUp(remedy);
    expect(said).not.toMatch(/is tried again|^Nothing/);
    expect(said).toMatch(/resolve with retry/);
  }
});

test('what else a remedy says stays', () => {
  expect(remedyOnceGivenUp('Nothing: the step is tried again.')).toBe(again);
  expect(remedyOnceGivenUp('Nothing: the step is tried again. Look for a slow worker.')).toBe(
    `Look for a slow worker. ${again}`,
  );
  expect(remedyOnceGivenUp('Look for long transactions; the step is tried again.')).toBe(
    `Look for long transactions. ${again}`,
  );
  expect(remedyOnceGivenUp('Make room, then resolve with retry.')).toBe(
    'Make room, then resolve with retry.',
  );
});

test('a step gives up after five failures without progress, and what every try runs again is no progress', async () => {
  const database = await connectedDatabase();
  await withSession(database.connection, 'test', async (session) => {
    await createRekeySchema(session);
    const scope = { phase: 'users', step: 'addColumns' };
    const exhausted = () => isExhausted(session, 'users', 'addColumns');
    const fail = async () => {
      await runStatement(session, scope, { object: 'salt', text: 'select 1' });
      const error = await session.query('select 1 / 0').catch((thrown: unknown) => thrown);
      await journalFailure(session, scope, error);
    };
    for (let n = 0; n < 4; n++) await fail();
    expect(await exhausted()).toBe(false);
    await fail();
    expect(await exhausted()).toBe(true);
    // a statement that no try had come to before
    await runStatement(session, scope, { object: 'people', text: 'select 2' });
    expect(await exhausted()).toBe(false);
    for (let n = 0; n < 5; n++) await fail();
    expect(await exhausted()).toBe(true);
    // somebody has said that it is to be tried again
    await writeJournal(session, scope, { kind: 'approval', object: 'users' });
    expect(await exhausted()).toBe(false);
    for (let n = 0; n < 5; n++) await fail();
    expect(await exhausted()).toBe(true);
  });
  await database.drop();
}, 60_000);
