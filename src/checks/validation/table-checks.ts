import { quoteIdent } from '../../catalog/quote.js';
import type { TableId } from '../../plan/model.js';
import type { PhaseView } from '../../substitution/view.js';

/** One thing that must be true of no row, as a condition over `t` and the joined tables. */
export interface RowCheck {
  check: string;
  /** `table.column`, or a constraint's name */
  on: string;
  condition: string;
  /** counted and told, but no failure */
  metric?: true;
}

/**
 * All checks of one table in one pass: `t` is the table, each parent is joined once (hash joins), each check is a filtered
 * count. Locks: ACCESS SHARE.
 */
export class TableChecks {
  readonly checks: RowCheck[] = [];
  private readonly joins = new Map<string, string>();

  constructor(
    private readonly view: PhaseView,
    readonly table: TableId,
  ) {}

  add(check: RowCheck): void {
    this.checks.push(check);
  }

  /** The alias of `parent` joined where its columns equal those of `t`; the same join is made once. */
  join(parent: TableId, pairs: { own: string; parent: string }[]): string {
    const sql = this.view.sqlTable(parent);
    const on = pairs.map((p) => `@.${quoteIdent(p.parent)} = t.${quoteIdent(p.own)}`).join(' and ');
    const key = `left join ${sql} @ on ${on}`;
    const present = this.joins.get(key);
    if (present) return present;
    const alias = `p${this.joins.size + 1}`;
    this.joins.set(key, alias);
    return alias;
  }

  /**
   * One column `c<n>` for each check. Of a `range` $1 and $2 are the first block and the block after the last, as bigint; a
   * scan of the whole table can have parallel workers, one of a range can't.
   */
  countSql(of: 'table' | 'range'): string {
    const counts = this.checks.map(
      (c, i) => `pg_catalog.count(*) filter (where ${c.condition})::float8 as c${i}`,
    );
    return `select ${counts.join(',\n  ')}\n${this.from()}${of === 'range' ? inRange : ''}`;
  }

  /** Keys of rows that break a check, as one JSON object a row. */
  exampleSql(check: RowCheck, keyColumns: string[], limit: number): string {
    const key = keyColumns.length
      ? keyColumns.map((c) => `'${c.replaceAll("'", "''")}', t.${quoteIdent(c)}::text`).join(', ')
      : `'ctid', t.ctid::text`;
    return `select pg_catalog.json_build_object(${key}) as example\n${this.from()}\nwhere ${check.condition} limit ${limit}`;
  }

  private from(): string {
    const joins = [...this.joins].map(([join, alias]) => join.replaceAll('@', alias));
    return [`from ${this.view.sqlTable(this.table)} t`, ...joins].join('\n');
  }
}

const inRange = `\nwhere t.ctid >= ('(' || $1::int8 || ',0)')::tid and t.ctid < ('(' || $2::int8 || ',0)')::tid`;
