import type { Work } from '../../src/catalog/kind.js';
import { isSeen } from '../../src/catalog/observe.js';
import { readCatalog } from '../../src/catalog/read.js';
import { tryTwins } from '../../src/checks/trial.js';
import { validate } from '../../src/checks/validation.js';
import { allKinds } from '../../src/kinds/all.js';
import type { ColumnRef, Plan, TablesPhase } from '../../src/plan/model.js';
import { originalOf } from '../../src/postgres/from-postgres.js';
import { rekeySchemaStatements } from '../../src/postgres/rekey-schema.js';
import type { Session } from '../../src/postgres/session.js';
import { dropLegacyWork } from '../../src/substitution/cleanup.js';
import { substitutionOf } from '../../src/substitution/domains.js';
import { batchSql, parts, passSql } from '../../src/substitution/map.js';
import { serverFunctions } from '../../src/substitution/server-functions.js';
import { type PhaseStatements, statementsOf } from '../../src/substitution/statements.js';
import { PhaseView } from '../../src/substitution/view.js';

/** The statements of a plan on one connection: what the activities run, without their sessions, locks and journal. */
export class SchemaRun {
  private readonly phases: { view: PhaseView; statements: PhaseStatements }[] = [];

  constructor(
    private readonly session: Session,
    private readonly plan: Plan,
  ) {}

  async lay(): Promise<void> {
    for (const text of rekeySchemaStatements(serverFunctions)) await this.execute(text);
  }

  /** Reads the catalog; answers with the hazards that the statements and the trial on empty copies show. */
  async open(phase: TablesPhase): Promise<string[]> {
    const catalog = await readCatalog(this.session.query, allKinds);
    const view = new PhaseView(
      substitutionOf(this.plan, phase, catalog, this.legacyColumns()),
      catalog,
      phase,
    );
    const statements = statementsOf(view, allKinds);
    this.phases.push({ view, statements });
    const trial = statements.hazards.length
      ? { hazards: [] }
      : await tryTwins(this.session, view, phase, allKinds, [
          ...rekeySchemaStatements([]),
          ...serverFunctions,
        ]);
    return [...statements.hazards, ...trial.hazards].map((h) => `${h.hazard} ${h.on}: ${h.message}`);
  }

  async addColumns(): Promise<void> {
    await this.run(this.now.statements.addColumns.up);
  }

  async map(): Promise<void> {
    const { view, statements } = this.now;
    for (const table of view.substitution.tables) {
      await this.session.transaction(async () => {
        await this.execute(passSql(view, table), [0, 1_000_000, parts / 2]);
        await this.execute(batchSql(view, table, true), [0, 1_000_000]);
      });
    }
    await this.run(statements.finishMap);
  }

  async buildTwins(): Promise<void> {
    await this.run(this.now.statements.buildTwins.up);
  }

  async swap(): Promise<void> {
    const { statements } = this.now;
    await this.session.transaction(async () => {
      for (const { text } of statements.swap) await this.execute(text);
    });
    await this.run(statements.afterSwap);
  }

  /** The newest phase, from its cutover to before it began. */
  async back(): Promise<void> {
    const { statements } = this.now;
    await this.run(statements.beforeSwapBack);
    for (const { batch } of statements.sweeps) await this.execute(batch, [0, 1_000_000]);
    await this.session.transaction(async () => {
      for (const { sweep } of statements.sweeps) await this.execute(sweep);
      await this.execute('set constraints all immediate');
      for (const { text } of statements.swapBack) await this.execute(text);
    });
    await this.run(statements.afterSwapBack);
    await this.undo();
    this.phases.pop();
  }

  /** Before the cutover. */
  async undo(): Promise<void> {
    const { statements } = this.now;
    await this.run([...statements.buildTwins.down, ...statements.addColumns.down]);
  }

  async dropLegacy(): Promise<void> {
    await this.run(dropLegacyWork(this.phases));
  }

  async failures(moment: 'before-swap' | 'after-swap'): Promise<string[]> {
    const found: string[] = [];
    for (const [at, { view }] of this.phases.entries()) {
      // what an earlier phase made of its tables, a later one changes
      if (at < this.phases.length - 1) continue;
      const { failures } = await validate(this.session, view, allKinds, moment);
      found.push(...failures.map((f) => `${moment}: ${f.check} ${f.on}: ${f.count}`));
    }
    return found;
  }

  private get now() {
    return this.phases.at(-1) as { view: PhaseView; statements: PhaseStatements };
  }

  private legacyColumns(): ColumnRef[] {
    return this.phases.flatMap(({ view }) =>
      view.substitution.members.flatMap((m) =>
        m.legacy === null ? [] : [{ table: m.table, column: m.legacy }],
      ),
    );
  }

  private async run(works: Work[]): Promise<void> {
    for (const work of works) {
      if (work.done && (await isSeen(this.session.query, work.done))) continue;
      if (work.unless && (await isSeen(this.session.query, work.unless))) continue;
      await this.execute(work.text);
    }
  }

  private async execute(text: string, values?: unknown[]): Promise<void> {
    try {
      await this.session.execute(text, values);
    } catch (error) {
      throw new Error(`${JSON.stringify(originalOf(error))}\nin ${text}`);
    }
  }
}
