import { randomUUID } from 'node:crypto';
import type { QueryResult } from 'pg';
import type { Change, Ledger, Text } from './ledger.js';
import { type Row, type Session, WrongAnswer } from './session.js';
import { clientTables, type TableName } from './tables.js';

export type Group =
  | 'orm'
  | 'star'
  | 'position'
  | 'upsert'
  | 'transaction'
  | 'keys'
  | 'delete'
  | 'report'
  | 'idle'
  | 'copy'
  | 'loader'
  | 'tenant';

/** What one connection's client owns: nobody else writes these rows. */
export interface Surroundings {
  own: Map<string, Row[]>;
  /** rows that were there before: to refer to, not to change */
  seeds: Map<TableName, Row[]>;
  numbers: Numbers;
  ledger: Ledger;
  reportMs: number;
  idleMs: number;
}

/** Keys that clients bring: apart from what sequences give, from one another, and from those of other runs. */
export class Numbers {
  private up: number;
  private down: number;
  private readonly hotBase: number;

  constructor(
    readonly run: string,
    random: () => number,
  ) {
    this.up = 100_000_000 + Math.floor(random() * 300_000_000);
    this.down = 499_000_000 - 2 * Math.floor(random() * 40_000_000);
    this.hotBase = 500_000_001 + 2 * Math.floor(random() * 40_000_000);
  }

  /** above the sequences of the tables */
  next(): string {
    this.up += 1;
    return String(this.up);
  }

  /** below the greatest code, as a sequence that Rekey makes begins above it */
  nextCode(): string {
    this.down -= 2;
    return String(this.down);
  }

  /** as `n` of an entry that several clients make at once */
  hotNumber(turn: number): number {
    return this.hotBase + turn;
  }

  hotLabel(turn: number): string {
    return `${this.run} hot ${turn}`;
  }

  /** of codes that several clients make at once */
  hotCode(turn: number, uuid: boolean): string {
    const number = this.hotBase + 2 * turn;
    return uuid ? `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` : String(number);
  }
}

export interface Operation {
  name: string;
  group: Group;
  /** its share within its group */
  weight: number;
  /** `read` writes nothing; `transaction` is begun and committed around it */
  kind: 'read' | 'statement' | 'transaction';
  /** the refusal that it is made for: anything else, success too, is wrong */
  refused?: { code: string; constraint: string };
  /** a unique twin beside its arbiter may refuse it where the plan accepts that */
  upserts?: boolean;
  /** counts on the order of columns: done once more with their names where that is refused */
  byPosition?: boolean;
  run(attempt: Attempt): Promise<unknown>;
}

/** One try of one operation: what it changes counts only when it was acknowledged. */
export class Attempt {
  readonly changes: Change[] = [];
  private readonly later: (() => void)[] = [];

  constructor(
    readonly session: Session,
    readonly around: Surroundings,
    readonly random: () => number,
    /** unique over all operations of all clients */
    readonly tag: string,
    /** the same for what several clients do at the same moment */
    readonly turn: number,
    /** columns are to be named, as the order of them was refused */
    readonly named = false,
  ) {}

  acknowledged(): void {
    this.around.ledger.acknowledge(this.changes);
    for (const work of this.later) work();
  }

  afterwards(work: () => void): void {
    this.later.push(work);
  }

  number(below: number): number {
    return Math.floor(this.random() * below);
  }

  seed(table: TableName): Row {
    const rows = this.around.seeds.get(table) ?? [];
    const row = rows[this.number(rows.length)];
    if (!row) throw new Error(`there is no row in ${table} to refer to`);
    return row;
  }

  own(pool: string): Row | null {
    const rows = this.around.own.get(pool) ?? [];
    return rows[this.number(rows.length)] ?? null;
  }

  some(table: TableName): Row {
    return (this.random() < 0.5 ? this.own(table) : null) ?? this.seed(table);
  }

  /** Known to this client from now on; the oldest of too many is forgotten by it, not by the ledger. */
  keep(pool: string, row: Row): void {
    this.afterwards(() => {
      const rows = this.around.own.get(pool) ?? [];
      rows.push(row);
      if (rows.length > 60) rows.shift();
      this.around.own.set(pool, rows);
    });
  }

  drop(pool: string, row: Row): void {
    this.afterwards(() => {
      const rows = this.around.own.get(pool) ?? [];
      this.around.own.set(
        pool,
        rows.filter((one) => one !== row),
      );
    });
  }

  async key(row: Row | null): Promise<Text> {
    if (!row) return null;
    const key = await this.session.key(row);
    // read from the database, so true however this operation ends
    this.around.ledger.learn(row.table, row.label, key);
    return key;
  }

  /** A key that the client makes up, of today's type. */
  newKey(table: TableName): string {
    if (this.session.hasUuidKey(table)) return randomUUID();
    return table === 'codes' ? this.around.numbers.nextCode() : this.around.numbers.next();
  }

  /** A row by an insert with a list of columns, prepared under one name; its key is the server's unless it is given. */
  async insert(
    table: TableName,
    label: string,
    values: Record<string, Text>,
    references: Record<string, Row | null> = {},
    given?: string,
  ): Promise<Row> {
    const { key } = clientTables[table];
    const columns: Record<string, Text> = { label, ...values };
    for (const [column, row] of Object.entries(references)) columns[column] = await this.key(row);
    if (given !== undefined && key) columns[key] = given;
    const names = Object.keys(columns);
    const sql = `insert into ${table} (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')})${key ? ` returning ${key}` : ''}`;
    const result = await this.session.prepared(
      `insert ${table} ${names.join(' ')}`,
      sql,
      Object.values(columns),
    );
    const found = key ? String(result.rows[0]?.[key]) : null;
    this.created(table, label, values, references, found);
    return { table, label, key: found };
  }

  created(
    table: TableName,
    label: string,
    values: Record<string, Text>,
    references: Record<string, Row | null> = {},
    key: string | null = null,
  ): void {
    const named = Object.fromEntries(Object.entries(references).map(([c, row]) => [c, row?.label ?? null]));
    this.changes.push({
      what: 'create',
      table,
      label,
      values,
      references: named,
      ...(key !== null ? { key } : {}),
    });
  }

  changed(
    row: { table: TableName; label: string },
    values: Record<string, Text>,
    references: Record<string, Text> = {},
    key?: string,
  ): void {
    this.changes.push({
      what: 'change',
      table: row.table,
      label: row.label,
      values,
      references,
      ...(key ? { key } : {}),
    });
  }

  deleted(table: TableName, label: string): void {
    this.changes.push({ what: 'delete', table, label });
  }

  /** One row read or written, or WrongAnswer. */
  one(what: Row, result: QueryResult): Record<string, unknown> {
    if (result.rowCount !== 1)
      throw new WrongAnswer(`${what.table} ${what.label} (${what.key}): ${result.rowCount} rows`);
    return result.rows[0] ?? {};
  }
}
