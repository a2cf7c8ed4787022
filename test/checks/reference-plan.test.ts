import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { createTestapp, testappDirectory } from '../../examples/testapp/database.js';
import type { SwapStatement, Work } from '../../src/catalog/kind.js';
import { isSeen } from '../../src/catalog/observe.js';
import { readCatalog } from '../../src/catalog/read.js';
import { preflight } from '../../src/checks/preflight.js';
import { tryTwins } from '../../src/checks/trial.js';
import { type ValidatedMoment, validate } from '../../src/checks/validation.js';
import { allKinds } from '../../src/kinds/all.js';
import { loadPlanText } from '../../src/plan/load.js';
import type { ColumnRef } from '../../src/plan/model.js';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { rekeySchemaStatements } from '../../src/postgres/rekey-schema.js';
import { substitutionOf } from '../../src/substitution/domains.js';
import { batchSql } from '../../src/substitution/map.js';
import { serverFunctions } from '../../src/substitution/server-functions.js';
import { statementsOf } from '../../src/substitution/statements.js';
import { PhaseView } from '../../src/substitution/view.js';
import { sharedPostgres, wholePlanVersions } from '../servers.js';

const plan = loadPlanText(readFileSync(join(testappDirectory(), 'plan.yaml'), 'utf8'), 'plan.yaml');

test.each(wholePlanVersions())(
  'each phase of the reference plan is found sound before, at and after its cutover, and after its rollback (PostgreSQL %i)',
  async (version) => {
    const { superuserUrl } = await sharedPostgres(version);
    const name = `checks_${process.pid}_${version}`;
    const app = await createTestapp(superuserUrl, name, { rows: 3000, seed: 11, password: 'for-tests-only' });
    const connection = name.replaceAll('_', '-');
    process.env[connectionVariable(connection)] = app.owner;
    const session = await openSession(connection, 'checks');
    const foundation = rekeySchemaStatements(serverFunctions);
    await createRekeySchema(session, serverFunctions);
    const work = async (works: Work[]) => {
      for (const one of works) {
        if (one.done && (await isSeen(session.query, one.done))) continue;
        if (one.unless && (await isSeen(session.query, one.unless))) continue;
        await session.query(one.text);
      }
    };
    const swap = (statements: SwapStatement[]) =>
      session.transaction(async () => {
        for (const { text } of statements) await session.query(text);
      });
    const legacy: ColumnRef[] = [];
    try {
      for (const phase of plan.phases) {
        if (phase.kind !== 'tables') continue;
        const catalog = await readCatalog(session.query, allKinds);
        const view = new PhaseView(substitutionOf(plan, phase, catalog, [...legacy]), catalog, phase);
        const statements = statementsOf(view, allKinds);
        const failures = async (moment: ValidatedMoment) =>
          (await validate(session, view, allKinds, moment)).failures;
        const forward = async () => {
          await work(statements.addColumns.up);
          for (const table of view.substitution.tables)
            await session.query(batchSql(view, table, true), [0, 1_000_000]);
          await work(statements.finishMap);
          await work(statements.buildTwins.up);
        };

        const trial = async () => (await tryTwins(session, view, phase, allKinds, foundation)).hazards;
        const context = { plan, phase, view, statements, database: session, freeDisk: null };
        expect((await preflight(context, trial)).unhandled).toEqual([]);
        await forward();
        expect(await failures('before-swap')).toEqual([]);
        await swap(statements.swap);
        await work(statements.afterSwap);
        expect(await failures('after-swap')).toEqual([]);
        await work(statements.beforeSwapBack);
        await swap(statements.swapBack);
        await work([
          ...statements.afterSwapBack,
          ...statements.buildTwins.down,
          ...statements.addColumns.down,
        ]);
        expect(await failures('after-rollback')).toEqual([]);
        await forward();
        await swap(statements.swap);
        await work(statements.afterSwap);
        for (const { table, legacy: column } of view.substitution.members)
          if (column !== null) legacy.push({ table, column });
      }
      expect(legacy.length).toBeGreaterThan(60);
    } finally {
      await session.close();
      delete process.env[connectionVariable(connection)];
      await run(superuserUrl, `drop database ${name} with (force)`);
    }
  },
  240_000,
);

async function run(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
