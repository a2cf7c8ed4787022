import { bosses, founded } from './founded.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
  - { phase: cleanup, kind: cleanup }
`;
const schema = `
create table people (id serial primary key, name text not null unique, boss_id integer references people);
insert into people (name, boss_id) select 'p' || n, nullif(n / 3, 0) from generate_series(1, 300) n;
create table orders (id serial primary key, person_id integer not null references people, note text not null);
insert into orders (person_id, note) select n, 'of p' || n from generate_series(1, 300) n;
`;
const trigger = '"~rekey_people"';

const orders = 'select o.note, p.name from orders o join people p on p.id = o.person_id order by 1, 2';

describe('What somebody writes past the sync triggers after the cutover', () => {
  const at = founded(plan, (database) => database.sql(schema));
  beforeEach(() => at.run.forward('people'));

  let round = 0;
  const key = (name: string) => `(select id from people where name = '${name}')`;
  /** References that lead elsewhere, to nobody, to one who came later; a new row; orders that were given away. */
  const writePast = async () => {
    round += 1;
    const late = `late ${round}`;
    for (const text of [
      `update people set boss_id = ${key(`p${round}`)} where name = 'p200'`,
      `update people set boss_id = null where name = 'p10${round}'`,
      `update people set boss_id = id where name = 'p3${round}'`,
      `insert into people (id, name, boss_id) values (gen_random_uuid(), '${late}', ${key('p7')})`,
      `update people set boss_id = ${key(late)} where name = 'p4${round}'`,
      `update orders set person_id = ${key(`p9${round}`)} where note in ('of p1', 'of p250')`,
    ])
      await at.database.sql(text);
  };

  async function goesBackWithAll(): Promise<void> {
    const before = [await at.database.sql(bosses), await at.database.sql(orders)];
    await at.run.back('people');
    expect(await at.database.sql('select pg_typeof(id)::text as key from people limit 1')).toEqual([
      { key: 'integer' },
    ]);
    expect([await at.database.sql(bosses), await at.database.sql(orders)]).toEqual(before);
    const told = await at.database.sql(
      `select object from rekey.journal where step = 'swapKeysBack' and detail ? 'writtenPast' and run_id = (select run_id from rekey.journal order by id desc limit 1) order by 1`,
    );
    expect(told).toEqual([{ object: 'orders' }, { object: 'people' }]);
  }

  it('is kept by the way back where a trigger was off for a while, and the journal says whose rows they were', async () => {
    await at.database.sql(
      `alter table people disable trigger ${trigger}; alter table orders disable trigger ${trigger}`,
    );
    await writePast();
    await at.database.sql(
      `alter table people enable always trigger ${trigger}; alter table orders enable always trigger ${trigger}`,
    );
    await goesBackWithAll();
    const [example] = await at.database.sql(
      `select check_name as check, object from rekey.finding where step = 'swapKeysBack' and object = 'orders.person_id' limit 1`,
    );
    expect(example).toEqual({ check: 'pairs', object: 'orders.person_id' });
  });

  it('is kept where the triggers are still off, or fire for some sessions only', async () => {
    await at.database.sql(
      `alter table people disable trigger ${trigger}; alter table orders enable replica trigger ${trigger}`,
    );
    await writePast();
    await goesBackWithAll();
  });

  it('is kept where a trigger was dropped, with its function', async () => {
    await at.database.sql(`drop trigger ${trigger} on orders`);
    const [fn] = await at.database.sql(
      `select tgfoid::regprocedure::text as name from pg_trigger where tgrelid = 'people'::regclass and tgname = '~rekey_people'`,
    );
    await at.database.sql(`drop function ${fn?.name} cascade`);
    await writePast();
    await goesBackWithAll();
  });

  it('is kept where it is written while the way back builds its indexes, and a trigger that goes off then stands again', async () => {
    let written: Promise<unknown> = Promise.resolve();
    const whenIndexesAreBuilt = async () => {
      for (let built = false; !built; ) {
        const [row] = await at.database.sql(
          `select to_regclass('rekey_holes_people_people') is not null as built`,
        );
        built = row?.built === true;
      }
      // shorter than deadlock_timeout: CREATE INDEX CONCURRENTLY waits for whoever waits for it
      const disable = `set lock_timeout = '50ms'; alter table people disable trigger ${trigger}`;
      const isOff = () =>
        at.database.sql(disable).then(
          () => true,
          () => false,
        );
      while (!(await isOff()));
      await at.database.sql('reset lock_timeout');
      await writePast();
      return [await at.database.sql(bosses), await at.database.sql(orders)];
    };
    at.run.caller = ({ activity, call }) => {
      if (activity === 'swapKeysBack') written = whenIndexesAreBuilt();
      return call();
    };
    // in the last moment before the locks it is found under them, and the next try does it
    await at.run.back('people').catch((error) => {
      if (error.code !== 'swap-back.trigger-off') throw error;
      at.run.caller = ({ call }) => call();
      return at.run.back('people');
    });
    at.run.caller = ({ call }) => call();
    expect([await at.database.sql(bosses), await at.database.sql(orders)]).toEqual(await written);
  });

  it('does not keep cleanup from taking the legacy columns of a table whose trigger is gone', async () => {
    await at.database.sql(`drop trigger ${trigger} on people`);
    await writePast();
    const before = [await at.database.sql(bosses), await at.database.sql(orders)];
    await at.run.forward('cleanup');
    expect([await at.database.sql(bosses), await at.database.sql(orders)]).toEqual(before);
    const left = await at.database.sql(
      `select a.attrelid::regclass::text || '.' || a.attname as name from pg_attribute a
       where a.attrelid in ('people'::regclass, 'orders'::regclass) and a.attname like 'legacy%' and not a.attisdropped
       union all select tgname from pg_trigger where tgname ~ 'rekey'
       union all select pg_get_expr(adbin, adrelid) from pg_attrdef where pg_get_expr(adbin, adrelid) ~ 'rekey'`,
    );
    expect(left).toEqual([]);
    await at.database.sql(`insert into people (name) values ('after cleanup')`);
  });
});
