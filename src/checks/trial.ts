import type { AnyKind, SwapStatement, Work } from '../catalog/kind.js';
import type { Catalog, CatalogObject } from '../catalog/model.js';
import { isSeen } from '../catalog/observe.js';
import { quoteIdent, tableId } from '../catalog/quote.js';
import { readCatalog } from '../catalog/read.js';
import type { Hazard } from '../errors.js';
import type { TableId, TablesPhase } from '../plan/model.js';
import { statementsOf, touchedObjects } from '../substitution/statements.js';
import { PhaseView } from '../substitution/view.js';
import { compareCatalog } from './catalog-comparison.js';
import { type Database, rolledBack } from './database.js';

const prefix = 'rekey_trial_';
export const trialSchema = (schema: string): string => `${prefix}${schema}`;

export interface Trial {
  hazards: Hazard[];
  /** statements that ran, original objects included */
  statements: number;
}

/**
 * Makes every twin on empty copies of the phase's tables, swaps them and swaps them back, in one transaction that is rolled
 * back. What can't be made, or comes out as something else, is the hazard `cannot-be-carried-over`.
 * `foundation`: the statements that make schema rekey, for a database that has none yet.
 * Locks on live tables: ACCESS SHARE, for the time of the trial (about a second).
 */
export async function tryTwins(
  database: Database,
  view: PhaseView,
  phase: TablesPhase,
  kinds: AnyKind[],
  foundation: readonly string[],
  heartbeat: () => void = () => undefined,
): Promise<Trial> {
  return rolledBack(database, async () => {
    const trial = new TrialRun(database, view, phase, kinds, heartbeat);
    await trial.run(foundation);
    return { hazards: trial.hazards, statements: trial.statements };
  });
}

class TrialRun {
  readonly hazards: Hazard[] = [];
  statements = 0;
  private readonly copies: PhaseView;
  /** the copies as they were made: comments and what hangs on columns alone are not on them */
  private made: PhaseView;

  constructor(
    private readonly database: Database,
    private readonly view: PhaseView,
    private readonly phase: TablesPhase,
    private readonly kinds: AnyKind[],
    private readonly heartbeat: () => void,
  ) {
    this.copies = new PhaseView(view.substitution, view.catalog, phase, trialSchema);
    this.made = view;
  }

  async run(foundation: readonly string[]): Promise<void> {
    const { database, copies } = this;
    const [there] = await database.query<{ rekey: boolean }>(
      `select pg_catalog.to_regclass('rekey.setting') is not null as rekey`,
    );
    if (!there?.rekey) for (const text of foundation) await database.query(text);
    await this.copyTables();
    await this.copyObjects();
    if (this.hazards.length) return;
    this.made = new PhaseView(this.view.substitution, await this.readCopies(), this.phase);
    const statements = statementsOf(copies, this.kinds);
    const steps: (() => Promise<void>)[] = [
      () => this.work(statements.addColumns.up),
      () => this.work(statements.finishMap),
      () => this.work(statements.buildTwins.up),
      () => this.swap(statements.swap),
      () => this.compare('after'),
      () => this.work([...statements.afterSwap, ...statements.beforeSwapBack]),
      () => this.swap(statements.swapBack),
      () => this.work(statements.afterSwapBack),
      () => this.work([...statements.buildTwins.down, ...statements.addColumns.down]),
      () => this.compare('same'),
    ];
    // what stands on something that could not be made fails, too, and says nothing new
    for (const step of steps) {
      await step();
      if (this.hazards.length) return;
    }
  }

  private async copyTables(): Promise<void> {
    const { view, copies } = this;
    for (const schema of new Set(view.substitution.tables.map((t) => view.schemaOf(t))))
      await this.database.query(`create schema ${quoteIdent(trialSchema(schema))}`);
    for (const table of view.substitution.tables)
      await this.attempt(
        `create table ${copies.sqlTable(table)} (like ${view.sqlTable(table)} including defaults including identity including comments including storage)`,
        table,
      );
  }

  private async copyObjects(): Promise<void> {
    const rank = (o: CatalogObject) => (o.kind === 'foreign-key' ? 1 : 0);
    const objects = touchedObjects(this.copies).sort((a, b) => rank(a) - rank(b));
    for (const object of objects) {
      const text = this.kinds.find((k) => k.kind === object.kind)?.original(object, this.copies);
      if (text) await this.attempt(text, called(object));
    }
  }

  private async work(works: Work[]): Promise<void> {
    for (const work of works) {
      if (work.done && (await isSeen(this.database.query, work.done))) continue;
      if (work.unless && (await isSeen(this.database.query, work.unless))) continue;
      await this.attempt(work.text.replace(/\bindex concurrently\b/, 'index'), work.object);
    }
  }

  private async swap(statements: SwapStatement[]): Promise<void> {
    for (const { text, object } of statements) await this.attempt(text, object);
  }

  /** In a savepoint, so that one trial finds all that can't be made. */
  private async attempt(text: string, object: string): Promise<void> {
    this.heartbeat();
    this.statements += 1;
    try {
      await this.database.query(`savepoint rekey_trial; ${text}; release savepoint rekey_trial`);
    } catch (error) {
      const { sqlstate } = error as { sqlstate?: string };
      // the connection, a lock, a cancellation: no news about the object
      if (!sqlstate || !/^(0A|22|23|2B|2F|42|54|55000|53200)/.test(sqlstate)) throw error;
      await this.database.query(`rollback to savepoint rekey_trial`);
      this.failed(object, sqlstate);
    }
  }

  private failed(object: string, sqlstate: string): void {
    if (sqlstate === '53200') {
      this.hazards.push({
        hazard: 'too-few-lock-slots',
        rank: 'stop',
        on: 'max_locks_per_transaction',
        message: 'the server has too few lock slots to try the twins of this phase (SQLSTATE 53200)',
        remedy: 'raise max_locks_per_transaction (needs a restart), or move fewer tables in a phase',
      });
      return;
    }
    if (this.hazards.some((h) => h.on === object)) return;
    // a foreign key without the index that it needs
    if (this.hazards.length > 0 && sqlstate === '42830') return;
    this.hazards.push({
      hazard: 'cannot-be-carried-over',
      rank: 'stop',
      on: object,
      message: `${object} can't be made with UUIDs in place of integers (SQLSTATE ${sqlstate})`,
      remedy: `change or drop ${object}: an operator, a cast or a constant in it is made for integers`,
    });
  }

  /** What came out is what must come out: after the swap the live catalog's substitution, at the end the copies as they were. */
  private async compare(expected: 'after' | 'same'): Promise<void> {
    const before = expected === 'after' ? this.view : this.made;
    const differences = compareCatalog(before, this.kinds, await this.readCopies(), expected, {
      touched: true,
      withoutComments: expected === 'same',
    }).filter((d) => d.what === 'missing' && !/^(table|column) /.test(d.on));
    for (const { on } of differences)
      this.hazards.push({
        hazard: 'cannot-be-carried-over',
        rank: 'stop',
        on,
        message: `${on} comes out of the ${expected === 'after' ? 'cutover' : 'way back'} as something else than it must be`,
        remedy: `drop ${on} for the time of the phase, or leave its table out of the plan, and report it as a bug of Rekey`,
      });
  }

  private async readCopies(): Promise<Catalog> {
    const schemas = [...new Set(this.view.substitution.tables.map((t) => this.copies.schemaOf(t)))];
    return unplaced(await readCatalog(this.database.query, this.kinds, schemas));
  }
}

function called(object: CatalogObject): string {
  return `${object.kind} ${object.name} on ${object.table}`;
}

/** The copies' catalog under the names of the live tables. */
function unplaced(catalog: Catalog): Catalog {
  const real = new Map<TableId, TableId>();
  for (const { id, schema, name } of catalog.tables) real.set(id, tableId(schema.slice(prefix.length), name));
  const idOf = (id: TableId) => real.get(id) ?? id;
  return {
    ...catalog,
    tables: catalog.tables.map((t) => ({ ...t, id: idOf(t.id), schema: t.schema.slice(prefix.length) })),
    objects: catalog.objects.map((o) => {
      const { refTable } = o as { refTable?: TableId };
      const table = o.table === null ? null : idOf(o.table);
      return {
        ...o,
        table,
        id: `${o.kind} ${table}.${o.name}`,
        names: o.names.map((c) => ({ ...c, table: idOf(c.table) })),
        ...(refTable === undefined ? {} : { refTable: idOf(refTable) }),
      } as CatalogObject;
    }),
  };
}
