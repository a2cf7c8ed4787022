import type { Client } from 'pg';

/**
 * What a client knows of accounts: a key for each text reference, as text, as it was when it was last seen. Across a
 * cutover it asks what the key is now, by what each side offers.
 */
export class AccountKeys {
  private readonly keys = new Map<string, string>();
  private readonly newcomers: string[] = [];

  constructor(
    /** accounts of the generator: A1 to A<n>, whose keys were the numbers */
    private readonly generated: number,
    private readonly translator: Translator,
  ) {}

  of(account: string): string {
    return this.keys.get(account) ?? account.slice(1);
  }

  add(account: string, key: string): void {
    this.keys.set(account, key);
    this.newcomers.push(account);
  }

  any(random: () => number): string {
    const at = Math.floor(random() * (this.generated + this.newcomers.length));
    return at < this.generated ? `A${at + 1}` : (this.newcomers[at - this.generated] as string);
  }

  /** One of those that clients opened. */
  newcomer(random: () => number): string | null {
    return this.newcomers[Math.floor(random() * this.newcomers.length)] ?? null;
  }

  async translate(client: Client, account: string): Promise<void> {
    const key = this.of(account);
    const { rows } = await client.query<{ uuid: boolean }>(
      `select atttypid = 'uuid'::regtype as uuid from pg_attribute where attrelid = 'accounts'::regclass and attname = 'account_id'`,
    );
    const now = rows[0]?.uuid ? 'uuid' : 'integer';
    if ((now === 'uuid') === key.includes('-')) return;
    const found = await client.query<{ key: string | null }>(this.translator[now], [key]);
    const known = found.rows[0]?.key;
    if (!known) throw new Error(`no ${now} key is known of account ${account}, which was ${key}`);
    this.keys.set(account, known);
  }
}

/** Queries with the key that a client has as $1, that give the one that it needs as `key`. */
export interface Translator {
  uuid: string;
  integer: string;
}
