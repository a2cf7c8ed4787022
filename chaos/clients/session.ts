import { Client, type QueryResult } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Text } from './ledger.js';
import { clientTables, type TableName } from './tables.js';

/** A row that an operation knows: its key may be of the scheme of yesterday, its label is for ever. */
export interface Row {
  table: TableName;
  label: string;
  key: string | null;
}

/** A row that is not as it was acknowledged, or not there: worse than an error. */
export class WrongAnswer extends Error {}

/** What a change of keys looks like from outside: columns of another type, a prepared plan that no longer fits. */
const keysMoved = new Set(['22P02', '42804', '42883', '0A000']);
/** What who counts on positions is told: too many or too few of them, other types, an integer without its UUID. */
const positionsMoved = new Set(['42601', '22P04', '42804', '22P02', '23000']);
const connectionLost = new Set(['57P01', '57P02', '57P03', '08000', '08001', '08003', '08006']);

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? '';

export const isKeysMoved = (error: unknown): boolean => keysMoved.has(codeOf(error));
export const isPositionsMoved = (error: unknown): boolean => positionsMoved.has(codeOf(error));

/**
 * One insert waits in a unique index beside the one that it names for an update, and the update for that insert: a
 * "speculative token" is waited for in no other way that could close a circle.
 */
export function isTwinDeadlock(error: unknown): boolean {
  return codeOf(error) === '40P01' && /speculative token/.test((error as { detail?: string }).detail ?? '');
}

export function isConnectionLost(error: unknown): boolean {
  const { message = '' } = error as { message?: string };
  return (
    connectionLost.has(codeOf(error)) ||
    /^E(CONN|PIPE|TIMEDOUT|HOSTUNREACH)/.test(codeOf(error)) ||
    /Connection terminated|not queryable|timeout expired|timeout exceeded|read timeout/i.test(message)
  );
}

export const isUuid = (key: string): boolean => key.includes('-');

/** What an application knows of the schema since its last deployment. */
interface Shape {
  /** `table.column` of all that are UUIDs */
  uuids: Set<string>;
  /** the server's clock when it was read, ms */
  at: number;
}

export interface SessionOptions {
  name: string;
  /** run after connecting */
  setting?: string;
  /** ms after which a silent server counts as lost; 0 waits for ever */
  patience: number;
  /** tables that its role may not read: their keys are translated */
  unreadable?: TableName[];
}

/** One connection of one client, as an ORM has it: prepared statements by name, types known from the last look. */
export class Session {
  private client: Client | null = null;
  private shape: Shape | null = null;
  private generation = 0;
  private backend: { pid: string; since: string } | null = null;

  constructor(
    private readonly url: string,
    private readonly options: SessionOptions,
  ) {}

  /** of the last look, by the server's clock, ms */
  get lookedAt(): number {
    return this.shape?.at ?? 0;
  }

  get isOpen(): boolean {
    return this.client !== null;
  }

  /** Connects anew and looks; a server that is starting or cut off gets `ms`. */
  async open(ms = 10_000): Promise<void> {
    await this.close();
    for (const deadline = Date.now() + ms; ; ) {
      const client = new Client({
        connectionString: this.url,
        application_name: `shop ${this.options.name}`,
        connectionTimeoutMillis: 5_000,
        ...(this.options.patience ? { query_timeout: this.options.patience } : {}),
      });
      client.on('error', () => undefined);
      client.on('end', () => {
        if (this.client === client) this.client = null;
      });
      try {
        await client.connect();
        await client.query('set search_path = shop');
        if (this.options.setting) await client.query(this.options.setting);
        this.client = client;
        await this.endBackend();
        await this.look();
        return;
      } catch (error) {
        // one that got no further than its settings must not stay
        if (this.client === client) this.client = null;
        void client.end().catch(() => undefined);
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** The transaction of a connection that was lost must not go on where the network was cut, and the server did not hear of it. */
  private async endBackend(): Promise<void> {
    if (this.backend)
      await this.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where pid = $1::integer and backend_start::text = $2 and pid <> pg_backend_pid()`,
        [this.backend.pid, this.backend.since],
      );
    const [own] = await this.query(
      `select pid::text as pid, backend_start::text as since from pg_stat_activity where pid = pg_backend_pid()`,
    );
    this.backend = own as unknown as { pid: string; since: string };
  }

  async close(): Promise<void> {
    const client = this.client;
    this.client = null;
    if (!client) return;
    // over a cable that was pulled no goodbye arrives
    await Promise.race([client.end().catch(() => undefined), new Promise((r) => setTimeout(r, 500).unref())]);
  }

  /** What a new deployment finds: the types of today. Statements are prepared anew. */
  async look(): Promise<void> {
    const rows = await this.query(
      `select c.relname || '.' || a.attname as name, a.atttypid = 'uuid'::regtype as uuid,
         extract(epoch from clock_timestamp()) * 1000 as at
       from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.relnamespace = 'shop'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped`,
    );
    this.generation += 1;
    this.shape = {
      uuids: new Set(rows.filter((row) => row.uuid).map((row) => row.name as string)),
      at: Math.max(...rows.map((row) => Number(row.at))),
    };
  }

  hasUuidKey(table: TableName): boolean {
    return this.shape?.uuids.has(`${table}.${clientTables[table].key}`) ?? false;
  }

  async run(sql: string, values: Text[] = []): Promise<QueryResult> {
    if (!this.client) throw new Error('Connection terminated');
    return this.client.query(sql, values);
  }

  async query(sql: string, values: Text[] = []): Promise<Record<string, unknown>[]> {
    return (await this.run(sql, values)).rows;
  }

  /** Prepared once under this name on each connection, until the next look. */
  async prepared(name: string, text: string, values: Text[] = []): Promise<QueryResult> {
    if (!this.client) throw new Error('Connection terminated');
    return this.client.query({ name: `${name} ${this.generation}`, text, values });
  }

  /** `columns`: null for all of them, in the order in which they stand. */
  async copy(table: TableName, columns: string[] | null, rows: Text[][]): Promise<void> {
    const { client } = this;
    if (!client) throw new Error('Connection terminated');
    const stream = client.query(
      copyFrom(`copy ${table}${columns ? ` (${columns.join(', ')})` : ''} from stdin`),
    );
    let gone: () => void = () => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        gone = () => reject(new Error('Connection terminated'));
        client.once('end', gone);
        stream.on('error', reject);
        stream.on('finish', resolve);
        stream.end(rows.map((row) => `${row.map((value) => value ?? '\\N').join('\t')}\n`).join(''));
      });
    } finally {
      client.off('end', gone);
    }
  }

  /** The row's key in today's scheme: known, looked up by its label, or translated where the client may not read the table. */
  async key(row: Row): Promise<string> {
    const key = await this.keyIfKnown(row);
    if (!key) throw new WrongAnswer(`${row.table} ${row.label}: its key ${row.key} can't be found`);
    return key;
  }

  /** Null for a row that is not there and was not when the map came by: nothing translates a key that no row had. */
  async keyIfKnown(row: Row): Promise<string | null> {
    const uuid = this.hasUuidKey(row.table);
    if (row.key !== null && isUuid(row.key) === uuid) return row.key;
    const column = clientTables[row.table].key;
    const before = row.key;
    const [found] = this.options.unreadable?.includes(row.table)
      ? []
      : await this.query(`select ${column}::text as key from ${row.table} where label = $1`, [row.label]);
    const key = (found?.key as string | undefined) ?? (await this.translated(row.table, before, uuid));
    if (key) row.key = key;
    return key;
  }

  private async translated(table: TableName, key: string | null, toUuid: boolean): Promise<string | null> {
    if (key === null) return null;
    const [row] = await this.query(
      toUuid
        ? 'select rekey.new_key($1, $2::bigint)::text as key'
        : 'select rekey.old_key($1, $2::uuid)::text as key',
      [`shop.${table}`, key],
    );
    return (row?.key as string | null) ?? null;
  }
}
