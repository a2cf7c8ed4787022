import { Client } from 'pg';
import { createTestapp, type Testapp } from '../../examples/testapp/database.js';
import { knownReferences, referenceDigests } from '../../examples/testapp/references.js';
import { sharedPostgres } from '../servers.js';
import { preparePretence, pretendCutover } from './pretended-cutover.js';

describe('What every reference of the reference database leads to', () => {
  const name = `testapp_references_${process.pid}`;
  let testapp: Testapp;
  let client: Client;

  beforeEach(async () => {
    const server = await sharedPostgres(18);
    testapp = await createTestapp(server.superuserUrl, name, {
      rows: 3000,
      seed: 7,
      password: 'for-tests-only',
    });
    client = new Client({ connectionString: testapp.superuser });
    await client.connect();
  }, 120_000);

  afterEach(async () => {
    await client.end();
    const server = new Client({ connectionString: (await sharedPostgres(18)).superuserUrl });
    await server.connect();
    await server.query(`drop database if exists ${name} with (force)`);
    await server.end();
  });

  it('is the same after keys have moved, whatever the keys are', async () => {
    const known = await knownReferences(client);
    expect(known.length).toBeGreaterThan(60);
    const before = await referenceDigests(client, known);
    for (const digest of Object.values(before)) expect(digest.nowhere).toBe(0);
    await preparePretence(client);
    await pretendCutover(client, 'users', 'user_id');
    await pretendCutover(client, 'test_cycles', 'cycle_id');
    expect(await referenceDigests(client, known)).toEqual(before);
  });

  it('is not the same when a single row leads elsewhere, or nowhere', async () => {
    const known = await knownReferences(client);
    const before = await referenceDigests(client, known);
    await client.query('set session_replication_role = replica');
    await client.query(
      'update samples set picked_by = case picked_by when 1 then 2 else 1 end where sample_id = 17',
    );
    await client.query('update llm_audit_logs set actor_id = 2000000000 where llm_audit_id = 5');
    const after = await referenceDigests(client, known);
    const changed = Object.keys(before).filter((key) => before[key]?.digest !== after[key]?.digest);
    expect(changed).toEqual(['samples (picked_by) -> users', 'llm_audit_logs (actor_id) -> users']);
    expect(after['llm_audit_logs (actor_id) -> users']?.nowhere).toBe(1);
  });
});
