import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { createTestapp, type Testapp, testappDirectory } from '../../examples/testapp/database.js';
import { readCatalog } from '../../src/catalog/read.js';
import { allKinds } from '../../src/kinds/all.js';
import { checkPlanAgainst } from '../../src/plan/check-catalog.js';
import { integerKeysInNoPhase, type KeyFacts } from '../../src/plan/domains.js';
import { loadPlanText, readPlanText } from '../../src/plan/load.js';
import { proposePlan } from '../../src/plan/propose.js';
import { showPlan } from '../../src/plan/show.js';
import { keyFactsOf } from '../../src/substitution/key-facts.js';
import { sharedPostgres } from '../servers.js';

const name = `plan_reference_${process.pid}`;
const text = readFileSync(path.join(testappDirectory(), 'plan.yaml'), 'utf8');
let facts: KeyFacts;
let superuser: Client;

beforeAll(async () => {
  const { superuserUrl } = await sharedPostgres();
  superuser = new Client({ connectionString: superuserUrl });
  await superuser.connect();
  const testapp: Testapp = await createTestapp(superuserUrl, name, {
    rows: 100,
    seed: 1,
    password: 'for-tests-only',
  });
  const owner = new Client({ connectionString: testapp.owner });
  await owner.connect();
  const query = async <Row>(sql: string, values?: unknown[]) =>
    (await owner.query(sql, values)).rows as Row[];
  facts = keyFactsOf(await readCatalog(query, allKinds));
  await owner.end();
}, 120_000);

afterAll(async () => {
  await superuser.query(`drop database if exists ${name} with (force)`);
  await superuser.end();
});

const wrong = (yaml: string) => {
  const { plan, locate } = readPlanText(yaml, 'plan.yaml');
  return checkPlanAgainst(plan, facts, { locate })?.message ?? null;
};

test('the reference plan fits its database, and leaves no integer key out', () => {
  expect(wrong(text)).toBeNull();
  expect(integerKeysInNoPhase(loadPlanText(text, 'plan.yaml'), facts)).toEqual([]);
});

test('what plan show prints of it is the same plan', () => {
  const plan = loadPlanText(text, 'plan.yaml');
  expect(loadPlanText(showPlan(plan), 'shown.yaml')).toEqual(plan);
});

test('a plan proposed from its catalog fits, names that need quoting and two schemas included', () => {
  const yaml = proposePlan(facts, 'testapp');
  expect(wrong(yaml)).toBeNull();
  expect(yaml).toContain('Order');
});
