import type { Work } from '../../src/catalog/kind.js';
import { isSeen } from '../../src/catalog/observe.js';
import { readCatalog } from '../../src/catalog/read.js';
import type { Judged } from '../../src/checks/acceptance.js';
import type { Finding } from '../../src/checks/findings.js';
import type { HazardContext } from '../../src/checks/hazards/context.js';
import { preflight } from '../../src/checks/preflight.js';
import { type Trial, tryTwins } from '../../src/checks/trial.js';
import { type ValidatedMoment, validate } from '../../src/checks/validation.js';
import { allKinds } from '../../src/kinds/all.js';
import { loadPlanText } from '../../src/plan/load.js';
import type { Plan, TablesPhase } from '../../src/plan/model.js';
import { createRekeySchema } from '../../src/postgres/bootstrap.js';
import { openSession } from '../../src/postgres/connect.js';
import { rekeySchemaStatements } from '../../src/postgres/rekey-schema.js';
import type { Session } from '../../src/postgres/session.js';
import { substitutionOf } from '../../src/substitution/domains.js';
import { batchSql } from '../../src/substitution/map.js';
import { serverFunctions } from '../../src/substitution/server-functions.js';
import { type PhaseStatements, statementsOf } from '../../src/substitution/statements.js';
import { PhaseView } from '../../src/substitution/view.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import type { SharedPostgres } from '../servers.js';

export const shop = `
create table people (
  id serial primary key, name text not null, manager_id integer references people on delete set null);
comment on column people.id is 'what the shop calls a person by';
create index people_manager on people (manager_id) where manager_id is not null;
create table orders (
  id serial primary key, person_id integer not null references people on delete cascade, no integer not null,
  noted_by integer, constraint orders_once unique (person_id, no));
create table lines (
  order_id integer not null references orders, position integer not null, primary key (order_id, position));
grant select (person_id) on orders to app_ro;
insert into people (name, manager_id) select 'p' || n, nullif(n / 10, 0) from generate_series(1, 200) n;
insert into orders (person_id, no, noted_by) select n % 200 + 1, n, n % 200 + 1 from generate_series(1, 1000) n;
insert into lines select n, p from generate_series(1, 1000) n, generate_series(1, 3) p;
`;

export const shopPlan = `version: 1
plan: shop
twins: early
phases:
  - phase: foundation
    kind: foundation
  - phase: main
    tables: [people, orders]
`;

export class Scene {
  readonly findings: Finding[] = [];
  private context: HazardContext | null = null;

  private constructor(
    readonly db: ConnectedDatabase,
    readonly session: Session,
  ) {}

  static async open(sql: string = shop, on?: number | SharedPostgres): Promise<Scene> {
    const db = await connectedDatabase(on);
    if (sql) await db.sql(sql);
    return new Scene(db, await openSession(db.connection, 'checks'));
  }

  async close(): Promise<void> {
    await this.session.close();
    await this.db.drop();
  }

  /** The phase `main` of a plan on the database as it is now. */
  async look(planText = shopPlan, freeDisk: number | null = null): Promise<HazardContext> {
    const plan: Plan = loadPlanText(planText, 'shop.yaml');
    const phase = plan.phases.find((p) => p.kind === 'tables') as TablesPhase;
    const catalog = await readCatalog(this.session.query, allKinds);
    const view = new PhaseView(substitutionOf(plan, phase, catalog, []), catalog, phase);
    const statements = statementsOf(view, allKinds);
    const onFinding = (finding: Finding) => void this.findings.push(finding);
    this.context = { plan, phase, view, statements, database: this.session, onFinding, freeDisk };
    return this.context;
  }

  async judged(planText?: string, freeDisk?: number | null): Promise<Judged> {
    return preflight(await this.look(planText, freeDisk ?? null));
  }

  /** What keeps the phase from starting, as `hazard on`. */
  async stops(planText?: string): Promise<string[]> {
    return (await this.judged(planText)).unhandled.map((h) => `${h.hazard} ${h.on}`);
  }

  async trial(planText?: string): Promise<Trial> {
    const { view, phase } = await this.look(planText);
    return tryTwins(this.session, view, phase, allKinds, rekeySchemaStatements(serverFunctions));
  }

  /** Until all twins stand. */
  async forward(): Promise<void> {
    await createRekeySchema(this.session, serverFunctions);
    const { view, statements } = await this.look();
    await this.work(statements.addColumns.up);
    for (const table of view.substitution.tables)
      await this.session.query(batchSql(view, table, true), [0, 1_000_000]);
    await this.work(statements.finishMap);
    await this.work(statements.buildTwins.up);
  }

  async swap(): Promise<void> {
    const { statements } = this.phase();
    await this.session.transaction(async () => {
      for (const { text } of statements.swap) await this.session.query(text);
    });
    await this.work(statements.afterSwap);
  }

  /** `swappedBack` happens before the online work after the swap. */
  async back(swappedBack: () => Promise<void> = async () => undefined): Promise<void> {
    const { statements } = this.phase();
    await this.work(statements.beforeSwapBack);
    await this.session.transaction(async () => {
      for (const { text } of statements.swapBack) await this.session.query(text);
    });
    await swappedBack();
    await this.work([
      ...statements.afterSwapBack,
      ...statements.buildTwins.down,
      ...statements.addColumns.down,
    ]);
  }

  /** Failures as `check on: count`. */
  async failures(moment: ValidatedMoment, rowsPerRange?: number): Promise<string[]> {
    this.findings.length = 0;
    const { view, onFinding } = this.phase();
    const { failures } = await validate(this.session, view, allKinds, moment, { onFinding, rowsPerRange });
    return failures.map((f) => `${f.check} ${f.on}: ${f.count}`);
  }

  phase(): HazardContext & { statements: PhaseStatements } {
    if (!this.context) throw new Error('look first');
    return this.context;
  }

  private async work(works: Work[]): Promise<void> {
    for (const work of works) {
      if (work.done && (await isSeen(this.session.query, work.done))) continue;
      if (work.unless && (await isSeen(this.session.query, work.unless))) continue;
      await this.session.query(work.text);
    }
  }
}
