import { Client } from 'pg';
import { readCatalog } from '../../src/catalog/read.js';
import { allKinds } from '../../src/kinds/all.js';
import { proposePlan } from '../../src/plan/propose.js';
import { keyFactsOf } from '../../src/substitution/key-facts.js';
import { loadChinook, loadNorthwind } from '../data/load.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { wholePlanVersions } from '../servers.js';
import { LocalRun } from './local-run.js';
import { dumpOf, tableDigests } from './reference-database.js';

interface Case {
  name: string;
  load: (client: Client) => Promise<void>;
  /** text keys and what refers to them: not to be touched */
  untouched: string[];
  /** every reference, followed to a text of the parent; keys play no part */
  joins: string[];
  /** rows whose keys nobody gives, as an application would insert them before and after */
  inserts: string[];
  /** composite keys of references: after the phases all of these columns are UUIDs */
  followed: string[];
}

const cases: Case[] = [
  {
    name: 'chinook',
    load: loadChinook,
    untouched: ['track.name', 'customer.email'],
    joins: [
      'select a.title, r.name from album a join artist r using (artist_id)',
      'select t.name, a.title, m.name, g.name from track t left join album a using (album_id) left join media_type m using (media_type_id) left join genre g using (genre_id)',
      'select e.email, b.email from employee e left join employee b on b.employee_id = e.reports_to',
      'select p.name, t.name from playlist_track x join playlist p using (playlist_id) join track t using (track_id)',
      'select c.email, e.email from customer c left join employee e on e.employee_id = c.support_rep_id',
      'select i.invoice_date, i.total, c.email from invoice i join customer c using (customer_id)',
      'select l.quantity, i.invoice_date, t.name from invoice_line l join invoice i using (invoice_id) join track t using (track_id)',
    ],
    inserts: [
      `insert into artist (name) values ('new artist')`,
      `insert into album (title, artist_id) select 'new album', artist_id from artist where name = 'new artist'`,
      `insert into playlist (name) values ('new playlist')`,
      `insert into playlist_track (playlist_id, track_id) select p.playlist_id, t.track_id from playlist p, track t where p.name = 'new playlist' order by t.name limit 3`,
      `insert into employee (last_name, first_name, email, reports_to) select 'New', 'New', 'new@example.com', employee_id from employee order by email limit 1`,
    ],
    followed: ['playlist_track.playlist_id', 'playlist_track.track_id', 'employee.reports_to'],
  },
  {
    name: 'northwind',
    load: loadNorthwind,
    untouched: [
      'customers.customer_id',
      'orders.customer_id',
      'territories.territory_id',
      'customer_customer_demo.customer_id',
    ],
    joins: [
      'select p.product_name, c.category_name, s.company_name from products p left join categories c using (category_id) left join suppliers s using (supplier_id)',
      'select o.order_date, o.ship_name, e.last_name, s.company_name, c.company_name from orders o left join employees e using (employee_id) left join shippers s on s.shipper_id = o.ship_via left join customers c using (customer_id)',
      'select d.quantity, d.unit_price, o.order_date, p.product_name from order_details d join orders o using (order_id) join products p using (product_id)',
      'select e.last_name, b.last_name from employees e left join employees b on b.employee_id = e.reports_to',
      'select e.last_name, t.territory_description from employee_territories x join employees e using (employee_id) join territories t using (territory_id)',
      'select t.territory_description, r.region_description from territories t join region r using (region_id)',
    ],
    inserts: [
      `insert into categories (category_name) values ('new category')`,
      `insert into products (product_name, category_id, discontinued) select 'new product', category_id, 0 from categories where category_name = 'new category'`,
      `insert into employees (last_name, first_name, reports_to) select 'New', 'New', employee_id from employees order by last_name limit 1`,
      `insert into orders (customer_id, employee_id, ship_name) select 'ALFKI', employee_id, 'new order' from employees where last_name = 'New'`,
      `insert into order_details (order_id, product_id, unit_price, quantity, discount) select o.order_id, p.product_id, 1, 1, 0 from orders o, products p where o.ship_name = 'new order' and p.product_name = 'new product'`,
    ],
    followed: [
      'order_details.order_id',
      'order_details.product_id',
      'employee_territories.employee_id',
      'employees.reports_to',
    ],
  },
];

describe.each(wholePlanVersions())('Databases that others made, on PostgreSQL %i', (version) => {
  describe.each(cases)('$name with the plan that was proposed from its catalog alone', (one) => {
    let database: ConnectedDatabase;
    let client: Client;
    let run: LocalRun;

    beforeAll(async () => {
      database = await connectedDatabase(version);
      client = new Client({ connectionString: database.ownerUrl });
      await client.connect();
      await one.load(client);
      const query = async <Row>(sql: string, values?: unknown[]) =>
        (await client.query(sql, values)).rows as Row[];
      const facts = keyFactsOf(await readCatalog(query, allKinds));
      run = new LocalRun(database.connection, proposePlan(facts, one.name));
    }, 120_000);

    afterAll(async () => {
      run.end();
      await client.end();
      await database.drop();
    });

    const joined = async () => {
      const digests: string[] = [];
      for (const sql of one.joins) {
        const { rows } = await client.query(
          `select count(*) || ' ' || coalesce(sum(hashtextextended(j::text, 0)::numeric), 0) as digest from (${sql}) j`,
        );
        digests.push(rows[0].digest);
      }
      return digests;
    };

    const typesOf = async (columns: string[]) => {
      const { rows } = await client.query<{ type: string }>(
        `select a.atttypid::regtype::text as type from unnest($1::text[]) with ordinality c(name, n)
         join pg_attribute a on a.attrelid = split_part(c.name, '.', 1)::regclass and a.attname = split_part(c.name, '.', 2) order by c.n`,
        [columns],
      );
      return rows.map((row) => row.type);
    };

    const insert = async () => {
      const app = await database.app();
      for (const sql of one.inserts) expect((await app.query(sql)).rowCount).toBeGreaterThan(0);
      await app.end();
    };

    it('goes forward, keeps every join and takes new rows whose keys nobody gives; back it is as it was, the new rows included', async () => {
      const dump = await dumpOf(database.ownerUrl, version);
      const digests = await tableDigests(client);
      const before = await joined();
      const kept = await typesOf(one.untouched);
      await run.forward('foundation');
      for (const phase of run.tablePhases) await run.forward(phase);
      expect(await joined()).toEqual(before);
      expect(await typesOf(one.untouched)).toEqual(kept);
      expect(new Set(await typesOf(one.followed))).toEqual(new Set(['uuid']));

      // what differs between versions is in one way there and back
      if (version === wholePlanVersions()[0]) {
        for (const phase of run.tablePhases.reverse()) await run.back(phase);
        expect(await dumpOf(database.ownerUrl, version)).toBe(dump);
        expect(await tableDigests(client)).toEqual(digests);
        for (const phase of run.tablePhases) await run.forward(phase);
      }
      await insert();
      const written = await joined();
      for (const phase of run.tablePhases.reverse()) await run.back(phase);
      expect(await dumpOf(database.ownerUrl, version)).toBe(dump);
      expect(await joined()).toEqual(written);
    }, 240_000);

    it('goes through cleanup, and the schema rekey can be dropped afterwards without breaking anything', async () => {
      const written = await joined();
      for (const phase of run.tablePhases) await run.forward(phase);
      await run.forward('cleanup');
      expect(await joined()).toEqual(written);
      const { rows: left } = await client.query(
        `select attrelid::regclass::text || '.' || attname as name from pg_attribute where not attisdropped and attrelid in
           (select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r')
         and (attname like 'legacy\\_%' or attname like '%\\_uuid' or attname = 'uuid_id')`,
      );
      expect(left).toEqual([]);
      await client.query('drop schema rekey cascade');
      expect(await joined()).toEqual(written);
      const app = await database.app();
      const name = one.inserts[0]?.replace(/new /, 'newest ') as string;
      expect((await app.query(name)).rowCount).toBe(1);
      await app.end();
    }, 240_000);
  });
});
