import { Client } from 'pg';
import type { Change } from './ledger.js';
import { isUuidText, type Row } from './rows.js';
import { readShape, type Shape } from './shape.js';
import { clientTables } from './tables.js';

export type Text = string | null;

/** A row that is not as it was acknowledged, or not there: worse than an error. */
export class WrongAnswer extends Error {}

/** The names and types of columns are not what the client thought: what a cutover looks like from outside. */
const keysMoved = new Set(['22P02', '42804', '42883', '42703', '42846']);
const connectionLost = new Set([
  '57P01',
  '57P02',
  '57P03',
  '08000',
  '08003',
  '08006',
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
]);

export function isKeysMoved(error: unknown): boolean {
  return keysMoved.has((error as { code?: string }).code ?? '');
}

export function isConnectionLost(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return connectionLost.has(code ?? '') || /^Connection terminated|not queryable/.test(message ?? '');
}

/** One client's connection, and what it knows of the schema. */
export class Session {
  private client: Client | null = null;
  private known: Shape | null = null;
  /** how often it connected */
  connects = 0;

  constructor(private readonly url: string) {}

  get shape(): Shape {
    if (!this.known) throw new Error('the session is not open');
    return this.known;
  }

  /** Connects anew; a server that is starting gets ten seconds. */
  async open(): Promise<void> {
    await this.close();
    for (const deadline = Date.now() + 10_000; ; ) {
      const client = new Client({ connectionString: this.url, application_name: 'testapp client' });
      // Without a listener a lost connection would end the process.
      client.on('error', () => {});
      client.on('end', () => {
        if (this.client === client) this.client = null;
      });
      try {
        await client.connect();
        this.client = client;
        this.connects++;
        this.known = await readShape(client);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Connects anew if the connection was lost while nothing was under way. */
  async ensure(): Promise<void> {
    if (!this.client) await this.open();
  }

  async close(): Promise<void> {
    const client = this.client;
    this.client = null;
    await client?.end().catch(() => {});
  }

  async look(): Promise<void> {
    if (!this.client) throw new Error('Connection terminated');
    this.known = await readShape(this.client);
  }

  /** Values go as text and are read as text: the server finds their types, whatever the keys are today. */
  async query(sql: string, values: Text[] = []): Promise<Record<string, Text>[]> {
    if (!this.client) throw new Error('Connection terminated');
    return (await this.client.query(sql, values)).rows;
  }

  /** The row's key in today's scheme; one that a cutover or a swap back left behind is translated. */
  async key(row: Row): Promise<string> {
    if (this.fits(row)) return row.key;
    await this.look();
    if (this.fits(row)) return row.key;
    const sql = isUuidText(row.key)
      ? 'select rekey.old_key($1, $2::uuid)::text as key'
      : 'select rekey.new_key($1, $2::bigint)::text as key';
    const [found] = await this.query(sql, [row.table, row.key]);
    if (!found?.key)
      throw new WrongAnswer(`${row.table} ${row.reference}: its key ${row.key} can't be translated`);
    row.key = found.key;
    return row.key;
  }

  private fits(row: Row): boolean {
    return this.shape.isUuid(row.table, this.shape.keyColumn(row.table)) === isUuidText(row.key);
  }
}

/** What an operation works with: the session, and the list of what it changed. */
export class Attempt {
  readonly changes: Change[] = [];

  constructor(
    readonly session: Session,
    readonly random: () => number,
    /** unique over all operations of all clients */
    readonly tag: string,
    /** a second try after a lost connection: what it makes may be there, what it deletes may be gone */
    readonly again: boolean,
  ) {}

  query(sql: string, values: Text[] = []): Promise<Record<string, Text>[]> {
    return this.session.query(sql, values);
  }

  key(row: Row): Promise<string> {
    return this.session.key(row);
  }

  keyOrNull(row: Row | null): Promise<Text> {
    return row ? this.session.key(row) : Promise.resolve(null);
  }

  /** One row, or WrongAnswer. */
  async one(what: string, sql: string, values: Text[] = []): Promise<Record<string, Text>> {
    const rows = await this.query(sql, values);
    if (rows.length !== 1 || !rows[0]) throw new WrongAnswer(`${what}: ${rows.length} rows`);
    return rows[0];
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.query('begin');
    try {
      const result = await work();
      await this.query('commit');
      return result;
    } catch (error) {
      if (!isConnectionLost(error)) await this.query('rollback').catch(() => {});
      throw error;
    }
  }

  /** Inserts a row whose text values are its reference, values and references; answers with the row. */
  async create(
    table: string,
    label: { column: string; text: string },
    values: Record<string, string>,
    references: Record<string, Row | null>,
    more: Record<string, Text> = {},
  ): Promise<string> {
    const columns: string[] = [label.column];
    const given: Text[] = [label.text];
    const { shape } = this.session;
    for (const [column, value] of Object.entries({ ...values, ...more })) {
      columns.push(column);
      given.push(value);
    }
    for (const [column, row] of Object.entries(references)) {
      columns.push(shape.has(table, column) ? column : shape.keyColumn(table));
      given.push(await this.keyOrNull(row));
    }
    // Where there is no key of one column the label comes back in its place.
    const returned = clientTables[table]?.key ? shape.keyColumn(table) : label.column;
    // The first try's commit may have gone through, though its answer was lost.
    const [there] = this.again
      ? await this.query(`select ${returned}::text as key from ${table} where ${label.column} = $1`, [
          label.text,
        ])
      : [];
    const [row] = there
      ? [there]
      : await this.query(
          `insert into ${table} (${columns.join(', ')}) values (${given.map((_, i) => `$${i + 1}`).join(', ')})
       returning ${returned}::text as key`,
          given,
        );
    this.changes.push({
      table,
      reference: label.text,
      created: true,
      values,
      references: Object.fromEntries(
        Object.entries(references).map(([column, to]) => [column, to?.reference ?? null]),
      ),
    });
    return row?.key as string;
  }
}
