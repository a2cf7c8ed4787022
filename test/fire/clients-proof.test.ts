import { checkClients } from '../../chaos/clients/check.js';
import { type ClientsOptions, type Report, startClients } from '../../chaos/clients/clients.js';
import { createClientTables } from '../../chaos/clients/database.js';
import type { Ledger } from '../../chaos/clients/ledger.js';
import { startPostgres } from '../../src/servers/postgres.js';
import { testVersions } from '../servers.js';
import { type ClientsWorld, clientsWorld } from './clients-world.js';

const version = testVersions()[0] as number;

/** A proof is worth what it finds: here something is made wrong behind the clients' backs, without Rekey. */
describe(`The proof by value, on PostgreSQL ${version}`, () => {
  let world: ClientsWorld;

  beforeAll(async () => {
    world = await clientsWorld(version);
  });
  afterAll(() => world.drop());

  /** Clients for a moment, in the middle of which something happens. */
  const clients = async (
    meanwhile: () => Promise<unknown> = async () => undefined,
    more: Partial<ClientsOptions> = {},
  ): Promise<{ report: Report; ledger: Ledger }> => {
    const load = await startClients({
      urls: world.urls,
      rate: 300,
      seed: 5,
      twins: 'late',
      groups: ['orm', 'upsert', 'star'],
      ...more,
    });
    try {
      await busy(load, 60);
      await meanwhile();
      // every kind once more: the longest deck has 47
      await busy(load, 250);
    } finally {
      await load.stop();
    }
    return { report: await load.stop(), ledger: load.ledger };
  };

  const busy = async (load: { done(): Record<string, number> }, operations: number) => {
    const sum = () => Object.values(load.done()).reduce((a, b) => a + b, 0);
    const before = sum();
    for (const deadline = Date.now() + 20_000; sum() < before + operations && Date.now() < deadline; )
      await new Promise((resolve) => setTimeout(resolve, 20));
  };

  /** What is found after a statement of a superuser under replica role, which no trigger and no foreign key sees. */
  const foundAfter = async (sql: (label: string) => string, of: (ledger: Ledger) => string) => {
    const { ledger } = await clients();
    expect(await checkClients(world.urls.superuser, ledger)).toEqual([]);
    const label = of(ledger);
    await world.superuser(`set session_replication_role = replica; ${sql(label)}`);
    return { label, found: await checkClients(world.urls.superuser, ledger) };
  };

  const newest = (ledger: Ledger, table: string, where: (id: string) => boolean = () => true): string => {
    const rows = [...ledger.rows.values()].filter(
      (row) => row.table === table && !row.deleted && !row.label.startsWith('seed-') && where(row.label),
    );
    return rows.at(-1)?.label as string;
  };

  it('sees a write that was acknowledged and lost', async () => {
    const { label, found } = await foundAfter(
      (one) => `delete from shop.visits where label = '${one}'`,
      (ledger) => newest(ledger, 'visits'),
    );
    expect(found).toEqual([`visits/${label} was acknowledged, and is gone`]);
  });

  it('sees a reference that leads to another row, and one that leads nowhere', async () => {
    const { label, found } = await foundAfter(
      (one) =>
        `update shop.accounts set customer_id = (select id from shop.customers where label = 'seed-9') where label = '${one}';
         update shop.profiles set customer_id = -5 where label = 'seed-1'`,
      (ledger) => newest(ledger, 'accounts'),
    );
    expect(found).toHaveLength(2);
    expect(found).toContainEqual(
      expect.stringMatching(`accounts/${label}: reference customer_id is seed-9, was acknowledged as`),
    );
    expect(found).toContain(
      'profiles/seed-1: reference customer_id is (nowhere), was acknowledged as seed-1',
    );
  });

  it('sees an increment that was made twice, and one that was never told', async () => {
    const { label, found } = await foundAfter(
      (one) => `update shop.codes set hits = hits + 1 where label in ('${one}', 'seed-2')`,
      (ledger) => newest(ledger, 'codes'),
    );
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^codes\/seed-2: the sum is 3, 2 were acknowledged$/);
    expect(found[1]).toContain(`codes/${label}: the sum is`);
  });

  it('sees a row that nobody was told of, one that came back, and a trigger that ran for a row that nobody touched', async () => {
    const { found } = await foundAfter(
      () =>
        `insert into shop.visits select id, 'from nowhere' from shop.customers where label = 'seed-1';
         update shop.customers set updated_at = now() where label = 'seed-3'`,
      () => '',
    );
    expect(found).toEqual([
      'nobody was told of visits/from nowhere, and it is there',
      'customers/seed-3: a trigger of the application ran, and nobody touched it',
    ]);
    await world.superuser(`set session_replication_role = replica;
      update shop.customers set updated_at = '2020-01-01' where label = 'seed-3'`);
  });

  it('sees a row whose key is another than the one that it was acknowledged under', async () => {
    const { label, found } = await foundAfter(
      (
        one,
      ) => `update shop.orders set id = 2000000 where label = '${one}'; update shop.order_lines set order_id = 2000000
        where order_id not in (select id from shop.orders)`,
      (ledger) => newest(ledger, 'orders'),
    );
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^orders/${label}: its key is 2000000, was \\d+$`));
  });

  it('sees an error that no schema demands, and a refusal that does not come', async () => {
    const { report } = await clients(() =>
      world.superuser(`alter table shop.customers drop constraint customers_n_check;
        alter table shop.visits add constraint no_more check (false) not valid`),
    );
    await world.superuser(`alter table shop.visits drop constraint no_more;
      delete from shop.customers where n < 0; alter table shop.customers add constraint customers_n_check check (n >= 0)`);
    expect(report.complaints).toContainEqual(expect.stringMatching('somebody visits: 23514 no_more'));
    expect(report.complaints).toContainEqual(
      expect.stringMatching('a negative number is refused: it was not refused'),
    );
    expect(
      report.complaints.filter((text) => !/somebody visits: 23514 no_more|it was not refused/.test(text)),
    ).toEqual([]);
  });

  it('sees a retry for which there was no step of Rekey', async () => {
    const { report, ledger } = await clients(() =>
      world.superuser('alter table shop.customers add column late text'),
    );
    await world.superuser('alter table shop.customers drop column late');
    expect(report.retried).toBe(1);
    expect(report.complaints).toEqual([
      expect.stringMatching('a retry outside of any cutover: select \\* from customers: 0A000'),
    ]);
    expect(await checkClients(world.urls.superuser, ledger)).toEqual([]);
  });

  it('sees a statement without column names that is refused though Rekey has changed no columns, and one whose values are somewhere else', async () => {
    const { report, ledger } = await clients(
      () => world.superuser('alter table shop.uploads add column late text'),
      { groups: ['position'] },
    );
    await world.superuser('alter table shop.uploads drop column late');
    expect(report.named).toBeGreaterThan(0);
    expect(report.complaints).toHaveLength(report.named);
    for (const text of report.complaints)
      expect(text).toMatch(/refused by position where no columns had changed: (COPY|insert into archived)/);
    expect(await checkClients(world.urls.superuser, ledger)).toEqual([]);
    const label = newest(ledger, 'archived');
    const [row] = await world.superuser<{ n: number }>(
      `update shop.archived set amount = id where label = '${label}' returning id as n`,
    );
    expect(await checkClients(world.urls.superuser, ledger)).toEqual([
      `archived/${label}: value amount is ${row?.n}, was acknowledged as 4`,
    ]);
  });

  it('sees a lost connection where none may be lost', async () => {
    const { report } = await clients(
      () =>
        world.superuser(`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'shop orm 0'`),
      { groups: ['orm'] },
    );
    // one that had nothing under way connects anew and has lost nothing
    expect(report.complaints.length).toBeLessThanOrEqual(1);
    for (const text of report.complaints) expect(text).toMatch('the connection was lost');
  });
});

describe('Clients among outages, without Rekey', () => {
  it('find out what became of each operation whose answer they lost, and the proof agrees', async () => {
    const server = await startPostgres({ version, own: true });
    try {
      const urls = await createClientTables(server.superuserUrl, 'shop', {
        rows: 40,
        seed: 1,
        password: 'for-tests-only',
      });
      const load = await startClients({
        urls,
        rate: 300,
        seed: 9,
        twins: 'late',
        outages: true,
        reportMs: 300,
        idleMs: 100,
      });
      for (const end of ['crash', 'shutDownAtOnce', 'restart'] as const) {
        const sum = () => Object.values(load.done()).reduce((a, b) => a + b, 0);
        const before = sum();
        for (const deadline = Date.now() + 20_000; sum() < before + 300 && Date.now() < deadline; )
          await new Promise((resolve) => setTimeout(resolve, 20));
        await server[end]();
        if (end !== 'restart') await server.restart();
      }
      const report = await load.stop();
      expect(report.complaints).toEqual([]);
      expect(report.lost).toBeGreaterThan(0);
      expect(await checkClients(urls.superuser, load.ledger)).toEqual([]);
    } finally {
      await server.stop();
    }
  });
});
