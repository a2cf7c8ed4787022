import { Client } from 'pg';
import { readCatalog } from '../../src/catalog/read.js';
import { allKinds } from '../../src/kinds/all.js';
import { checkPlanAgainst } from '../../src/plan/check-catalog.js';
import { integerKeysInNoPhase } from '../../src/plan/domains.js';
import { loadPlanText } from '../../src/plan/load.js';
import { proposePlan } from '../../src/plan/propose.js';
import { keyFactsOf } from '../../src/substitution/key-facts.js';
import { loadChinook, loadNorthwind } from '../data/load.js';
import { freshDatabase, type TestDatabase } from '../servers.js';

let database: TestDatabase;
beforeEach(async () => {
  database = await freshDatabase();
});
afterEach(() => database.drop());

async function proposeFor(load: (client: Client) => Promise<void>, name: string) {
  const client = new Client({ connectionString: database.ownerUrl });
  await client.connect();
  try {
    await load(client);
    const query = async <Row>(sql: string, values?: unknown[]) =>
      (await client.query(sql, values)).rows as Row[];
    const facts = keyFactsOf(await readCatalog(query, allKinds));
    const yaml = proposePlan(facts, name);
    const plan = loadPlanText(yaml, `${name}.yaml`);
    return { facts, yaml, plan, wrong: checkPlanAgainst(plan, facts)?.message ?? null };
  } finally {
    await client.end();
  }
}

test('Chinook, as it is in PostgreSQL, gets a plan that moves every integer key', async () => {
  const { plan, facts, wrong, yaml } = await proposeFor(loadChinook, 'chinook');
  expect(wrong).toBeNull();
  expect(integerKeysInNoPhase(plan, facts)).toEqual([]);
  expect(yaml).toContain('#   playlist_track: its key (playlist_id, track_id) is made of references');
});

test('Northwind, as it is in PostgreSQL, gets a plan that leaves its text keys alone', async () => {
  const { plan, facts, wrong, yaml } = await proposeFor(loadNorthwind, 'northwind');
  expect(wrong).toBeNull();
  expect(integerKeysInNoPhase(plan, facts)).toEqual([]);
  expect(yaml).toMatch(/^# {3}customers: its key customer_id has the type/m);
  expect(yaml).toMatch(
    /^# {3}order_details: its key \(order_id, product_id\) is made of references and moves/m,
  );
  expect(yaml).toMatch(/^# {3}customer_customer_demo: its key .* and stays/m);
});
