import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { createTestapp, type Testapp, testappDirectory } from '../../examples/testapp/database.js';
import type { Work } from '../../src/catalog/kind.js';
import type { Catalog } from '../../src/catalog/model.js';
import { type Query, readCatalog } from '../../src/catalog/read.js';
import { allKinds } from '../../src/kinds/all.js';
import { loadPlanText } from '../../src/plan/load.js';
import type { ColumnRef, TablesPhase } from '../../src/plan/model.js';
import { rekeySchemaStatements } from '../../src/postgres/rekey-schema.js';
import { substitutionOf } from '../../src/substitution/domains.js';
import { batchSql } from '../../src/substitution/map.js';
import { catalogAfter, legacyAfter } from '../../src/substitution/predict.js';
import { serverFunctions } from '../../src/substitution/server-functions.js';
import { type PhaseStatements, statementsOf } from '../../src/substitution/statements.js';
import { PhaseView } from '../../src/substitution/view.js';
import { freshDatabase, sharedPostgres, testVersions } from '../servers.js';

const plan = loadPlanText(readFileSync(join(testappDirectory(), 'plan.yaml'), 'utf8'), 'plan.yaml');
const phases = plan.phases.filter((phase): phase is TablesPhase => phase.kind === 'tables');

function look(phase: TablesPhase, catalog: Catalog, legacy: ColumnRef[]) {
  const view = new PhaseView(substitutionOf(plan, phase, catalog, legacy), catalog, phase);
  return { view, statements: statementsOf(view, allKinds) };
}

/** What is not foretold, and no statement needs: sizes, numbers of columns, a default that the server computes. */
function comparable(catalog: Catalog) {
  return {
    tables: catalog.tables.map(({ estimatedRows, pages, bytes, ...table }) => ({
      ...table,
      columns: table.columns.map(({ num, ...c }) => ({
        ...c,
        default: c.type === 'uuid' ? null : c.default,
      })),
    })),
    objects: catalog.objects.map((o) => ({
      ...o,
      ...('expression' in o && o.kind === 'default' && /::uuid/.test(String(o.expression))
        ? { expression: '' }
        : {}),
      names: [...o.names].map((n) => `${n.table}.${n.column}`).sort(),
    })),
  };
}

describe.each(testVersions())('On PostgreSQL %i, before anything has run', (version) => {
  const name = `predict_${version}_${process.pid}`;
  let testapp: Testapp;
  let client: Client;
  let query: Query;

  beforeAll(async () => {
    const server = await sharedPostgres(version);
    await (await freshDatabase(version)).drop();
    testapp = await createTestapp(server.superuserUrl, name, {
      rows: 2000,
      seed: 3,
      password: 'for-tests-only',
    });
    client = new Client({ connectionString: testapp.owner });
    await client.connect();
    query = async <Row>(text: string, values?: unknown[]) => (await client.query(text, values)).rows as Row[];
    await query('set search_path = pg_catalog');
    for (const statement of rekeySchemaStatements(serverFunctions)) await query(statement);
  }, 180_000);

  afterAll(async () => {
    await client?.end();
    const admin = new Client({ connectionString: (await sharedPostgres(version)).superuserUrl });
    await admin.connect();
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.end();
  });

  const run = async (works: Work[]) => {
    for (const work of works) await query(work.text);
  };

  it('the catalog after each cutover is foretold, and with it every statement of the last phase, to the letter', async () => {
    let foretold = await readCatalog(query, allKinds);
    let legacy: ColumnRef[] = [];
    for (const phase of phases) {
      const real = await readCatalog(query, allKinds);
      const expected = look(phase, foretold, legacy);
      const found = look(phase, real, legacy);
      expect(expected.statements.hazards).toEqual([]);
      expect<PhaseStatements>(expected.statements).toEqual(found.statements);
      await run(found.statements.addColumns.up);
      for (const table of found.view.substitution.tables)
        await query(batchSql(found.view, table, false), [0, 100_000]);
      await run(found.statements.finishMap);
      await run(found.statements.buildTwins.up);
      await query('begin');
      for (const statement of found.statements.swap) await query(statement.text);
      await query('commit');
      foretold = catalogAfter(expected.view, allKinds);
      legacy = legacyAfter(expected.view);
      expect(comparable(foretold)).toEqual(comparable(await readCatalog(query, allKinds)));
    }
  }, 180_000);
});
