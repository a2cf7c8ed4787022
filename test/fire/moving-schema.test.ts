import { dropLegacy } from '../../activities/cleanup.js';
import type { PhaseRef } from '../../activities/contract.js';
import { preflight } from '../../activities/preflight.js';
import { swapKeys } from '../../activities/swap-keys.js';
import { wayBack } from '../../activities/way-back.js';
import { withSession } from '../../src/postgres/connect.js';
import { openGate } from '../../src/postgres/gates.js';
import { attempt, LocalRun } from '../activities/local-run.js';
import { dumpOf } from '../activities/reference-database.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';

/** What others do to a schema while a phase waits for days, at each moment at which it does. */
const schema = `
create table people (id serial primary key, boss_id integer references people, name text not null, title varchar(20), note text);
create index people_name on people (name);
create index people_boss on people (boss_id);
create table orders (id serial primary key, person_id integer not null references people, no integer not null, memo text,
  unique (person_id, no));
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
insert into people (boss_id, name) select nullif(n / 10, 0), 'p' || n from generate_series(1, 60) n;
insert into orders (person_id, no) select n % 60 + 1, n from generate_series(1, 200) n`;

const plan = `version: 1
plan: moving
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people, orders] }
  - { phase: cleanup, kind: cleanup }
`;

/** [what, the change, how it is taken back, its name in what the operator reads] */
type Change = [what: string, change: string, undo: string, named: string];

/** They name no key and no reference: whichever way the keys are swapped, they stay as they are. */
const along: Change[] = [
  [
    'a column',
    'alter table people add phone text',
    'alter table people drop phone',
    'column phone on people',
  ],
  ['an index', 'create index people_note on people (note)', 'drop index people_note', 'index people_note'],
  [
    'a check',
    'alter table orders add constraint few check (no < 100000)',
    'alter table orders drop constraint few',
    'constraint few on orders',
  ],
  ['a view', 'create view names as select name from people', 'drop view names', 'view names'],
  [
    'a policy',
    'create policy noted on people using (note is not null)',
    'drop policy noted on people',
    'policy noted on people',
  ],
  [
    'statistics',
    'create statistics both_texts on name, note from people',
    'drop statistics both_texts',
    'statistics both_texts',
  ],
];

/** These were there when preflight looked: before the cutover they have to be given back, on the way back they stay as others left them. */
const alongBackOnly: Change[] = [
  [
    'a trigger',
    'create trigger touched before update on people for each row execute function touch()',
    'drop trigger touched on people',
    'trigger touched on people',
  ],
  [
    'a type that is changed',
    'alter table people alter title type text',
    'alter table people alter title type varchar(20)',
    'column title on people',
  ],
  [
    'an index that is dropped',
    'drop index people_name',
    'create index people_name on people (name)',
    'index people_name',
  ],
  [
    'a column that is renamed',
    'alter table orders rename memo to remark',
    'alter table orders rename remark to memo',
    'column memo on orders',
  ],
];

/** These name a key or a reference, or are of a kind that a person has to look at. */
const refused: Change[] = [
  ['an index over a reference', 'create index more on orders (person_id)', 'drop index more', 'index more'],
  [
    'a trigger for a key',
    'create trigger keyed before update of boss_id on people for each row execute function touch()',
    'drop trigger keyed on people',
    'trigger keyed on people',
  ],
  [
    'a trigger whose function names a key',
    `create function tell() returns trigger language plpgsql as $$ begin perform pg_notify('people', new.id::text); return new; end $$;
     create trigger told after insert on people for each row execute function tell()`,
    'drop trigger told on people; drop function tell()',
    'trigger told on people',
  ],
  [
    'a check whose function names a reference',
    `create function okay(orders) returns boolean language sql immutable as 'select $1.person_id::text <> $$0$$';
     alter table orders add constraint okay check (okay(orders)) not valid`,
    'alter table orders drop constraint okay; drop function okay(orders)',
    'constraint okay on orders',
  ],
  [
    'a policy whose function names a key',
    `create function mine(text) returns boolean language sql stable as 'select exists (select from people where id::text = $1)';
     create policy own on orders using (mine(memo))`,
    'drop policy own on orders; drop function mine(text)',
    'policy own on orders',
  ],
  ['a view over a key', 'create view keys as select id from people', 'drop view keys', 'view keys'],
  [
    'a view of whole rows',
    'create view wholes as select to_jsonb(o) as o from orders o',
    'drop view wholes',
    'view wholes',
  ],
  [
    'a policy over a reference',
    'create policy own on orders using (person_id is not null)',
    'drop policy own on orders',
    'policy own on orders',
  ],
  ['an heir', 'create table vip () inherits (people)', 'drop table vip', 'vip on people'],
  [
    'a table that it inherits from',
    'create table noted (no integer); alter table orders inherit noted',
    'alter table orders no inherit noted; drop table noted',
    'parent public.noted on orders',
  ],
  [
    'a partition of another table',
    `create table parts (like orders) partition by range (no); alter table parts attach partition orders for values from (1) to (100000)`,
    'alter table parts detach partition orders; drop table parts',
    'table orders',
  ],
  [
    'a grant on a reference',
    'grant select (person_id) on orders to app_ro',
    'revoke select (person_id) on orders from app_ro',
    'column person_id on orders',
  ],
  [
    'another name of a reference',
    'alter table people rename boss_id to chief_id',
    'alter table people rename chief_id to boss_id',
    'column boss_id on people',
  ],
  [
    'another name of the table',
    'alter table orders rename to purchases',
    'alter table purchases rename to orders',
    'table purchases',
  ],
  [
    'row security',
    'alter table people enable row level security',
    'alter table people disable row level security',
    'table people',
  ],
];

const wider: Change = [
  'another type of a reference',
  'alter table people alter boss_id type bigint',
  'alter table people alter boss_id type integer',
  'column boss_id on people',
];

/** After the cutover that name is free, and the way back needs it. */
const takesItsName: Change = [
  'a column with the name of a shadow',
  'alter table people add uuid_id uuid',
  'alter table people drop uuid_id',
  'column uuid_id on people',
];

const child = (type: string): Change => [
  'a child table',
  `create table replies (id integer, person_id ${type} constraint back references people)`,
  'drop table replies',
  'constraint back on replies',
];

describe.each(testVersions())('A schema that moves, on PostgreSQL %i', (version) => {
  let database: ConnectedDatabase;
  let control: ConnectedDatabase;
  let run: LocalRun;
  let ref: PhaseRef;

  beforeAll(async () => {
    // the control never meets Rekey: what its dump says is what a rollback has to give back
    [database, control] = await Promise.all([connectedDatabase(version), connectedDatabase(version)]);
    for (const one of [database, control]) await one.sql(schema);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
    ref = await run.forward('main', 'buildTwins');
  }, 60_000);

  afterAll(async () => {
    run?.end();
    await Promise.all([database?.drop(), control?.drop()]);
  });

  const both = async (changes: Change[]) => {
    for (const [, sql] of changes) for (const one of [database, control]) await one.sql(sql);
  };
  const takenBack = async (changes: Change[]) => {
    for (const [, , sql] of [...changes].reverse()) for (const one of [database, control]) await one.sql(sql);
  };
  const swap = (changes = {}) => swapKeys({ ...ref, opening: null }, attempt(changes));

  async function keyTypes(): Promise<unknown[]> {
    const rows = await database.sql(
      `select format_type(atttypid, atttypmod) as type from pg_attribute
       where attrelid = 'people'::regclass and attname in ('id', 'boss_id') order by attname`,
    );
    return rows.map((row) => row.type);
  }

  async function expectSameDump(): Promise<void> {
    const [dump, wanted] = await Promise.all([
      dumpOf(database.ownerUrl, version),
      dumpOf(control.ownerUrl, version),
    ]);
    expect(dump).toBe(wanted);
  }

  describe('while the checkpoint before-swap waits', () => {
    it.each([...refused, ...alongBackOnly, wider, child('integer')])(
      '%s is found under the locks and named, nothing is swapped, and the phase goes on when it is taken back',
      async (_, change, undo, named) => {
        await database.sql(change);
        const found = await swap().catch((error) => error);
        await database.sql(undo);
        expect(found).toMatchObject({ code: 'schema.moved', message: expect.stringContaining(named) });
        expect(await keyTypes()).toEqual(['integer', 'integer']);
      },
    );

    it.each([
      ['switched off', 'alter table orders disable trigger "~rekey_main"'],
      ['gone', 'drop trigger "~rekey_main" on orders'],
    ])(
      'a sync trigger that is %s is found under the locks, and nothing is swapped',
      async (state, change) => {
        const [trigger] = await database.sql(
          `select pg_get_triggerdef(oid) as made from pg_trigger where tgrelid = 'orders'::regclass and tgname = '~rekey_main'`,
        );
        await database.sql(change);
        const found = await swap().catch((error) => error);
        if (state === 'gone') await database.sql(String(trigger?.made));
        await database.sql('alter table orders enable always trigger "~rekey_main"');
        expect(found).toMatchObject({
          code: 'schema.moved',
          message: expect.stringContaining(`the sync trigger ~rekey_main on orders is ${state}`),
        });
        expect(await keyTypes()).toEqual(['integer', 'integer']);
      },
    );

    it('a change that comes while the cutover waits for its locks is found under them', async () => {
      const found = await whileItWaits(swap, () => database.sql('create view late as select id from people'));
      expect(found).toMatchObject({ code: 'schema.moved', message: expect.stringContaining('view late') });
      expect(await keyTypes()).toEqual(['integer', 'integer']);
      await database.sql('drop view late');
    });

    it('a rollback leaves what others did as they left it, and gives back all else to the byte', async () => {
      const inherits = refused.filter(([what]) => what === 'a table that it inherits from');
      const changes = [...along, ...alongBackOnly, ...inherits, child('integer')];
      await both(changes);
      await run.back('main');
      await expectSameDump();
      await takenBack(changes);
      await expectSameDump();
      ref = await run.forward('main', 'buildTwins');
    });

    it('what names no key goes along with the cutover', async () => {
      await both(along);
      await swap();
      expect(await keyTypes()).toEqual(['uuid', 'uuid']);
      await run.validate(ref, 'after-swap');
      expect(await wayBack(ref, attempt())).toMatchObject({ open: true });
    });
  });

  describe('after the cutover', () => {
    it.each([...refused, takesItsName, child('uuid')])(
      '%s closes the way back, which says what closed it and opens again when it is taken back',
      async (_, change, undo, named) => {
        await database.sql(change);
        const told = await wayBack(ref, attempt());
        const refusal = await run.back('main').catch((error) => error);
        await database.sql(undo);
        expect(told).toMatchObject({ open: false, because: expect.stringContaining(named) });
        expect(refusal).toMatchObject({ message: expect.stringContaining(named) });
        expect(await wayBack(ref, attempt())).toMatchObject({ open: true });
        expect(await keyTypes()).toEqual(['uuid', 'uuid']);
      },
    );

    it('a view over a key that comes while the way back waits for its locks is found under them', async () => {
      run.caller = async ({ activity, call }) => {
        if (activity !== 'swapKeysBack') return call();
        const found = await whileItWaits(
          (changes) => call(changes),
          () => database.sql('create view late as select id from people'),
        );
        if (found instanceof Error) throw found;
        return found;
      };
      const found = await run.back('main').catch((error) => error);
      await database.sql('drop view late');
      run.caller = ({ call }) => call();
      expect(found).toMatchObject({ code: 'schema.moved', message: expect.stringContaining('view late') });
      expect(await keyTypes()).toEqual(['uuid', 'uuid']);
    });

    it('what names no key goes along with the way back, which gives back all else to the byte', async () => {
      await both(alongBackOnly);
      await run.back('main');
      await expectSameDump();
      expect(await keyTypes()).toEqual(['integer', 'integer']);
      const [left] = await database.sql(
        'select count(*)::int as orders from orders o join people p on p.id = o.person_id',
      );
      expect(left).toEqual({ orders: 200 });
    });
  });

  describe('before cleanup', () => {
    const made: Change[] = [
      ['a view', 'create view old as select legacy_id from people', 'drop view old', 'public.old needs'],
      [
        'an index',
        'create index old on orders (legacy_person_id, no)',
        'drop index old',
        'public.old stands on',
      ],
      [
        'a check',
        'alter table people add constraint old check (legacy_id > 0)',
        'alter table people drop constraint old',
        'constraint old',
      ],
      [
        'another name of a legacy column',
        'alter table people rename legacy_boss_id to old_boss_id',
        'alter table people rename old_boss_id to legacy_boss_id',
        'is called old_boss_id now',
      ],
    ];
    let opening: number;
    const drop = (changes?: object) => dropLegacy({ ...ref, opening }, attempt(changes));

    beforeAll(async () => {
      await database.sql('drop trigger touched on people');
      await run.forward('main');
      run.caller = async ({ activity, call }) => {
        if (activity === 'dropLegacy') throw new Error('stop before the drop');
        return call();
      };
      await run.forward('cleanup').catch(() => undefined);
      run.caller = ({ call }) => call();
      const [owner] = await database.sql('select workflow_id, first_run_id from rekey.owner');
      const [row] = await database.sql(`select plan_hash from rekey.phase where phase = 'cleanup'`);
      ref = {
        ...ref,
        phase: 'cleanup',
        planHash: row?.plan_hash as string,
        run: {
          ...ref.run,
          workflowId: owner?.workflow_id as string,
          firstRunId: owner?.first_run_id as string,
        },
      };
      const opened = await withSession(ref.connection, 'gate', (session) =>
        openGate(session, {
          phase: 'cleanup',
          gate: 'before-drop',
          planHash: ref.planHash,
          parked: false,
          deadline: null,
          key: 'moving',
        }),
      );
      opening = opened.opening;
      await preflight(ref, attempt());
    }, 60_000);

    it.each(made)(
      '%s made of a legacy column is named, and nothing is dropped',
      async (_, change, undo, named) => {
        await database.sql(change);
        const found = await drop().catch((error) => error);
        await database.sql(undo);
        expect(found).toMatchObject({ message: expect.stringContaining(named) });
        expect(await wayBack(ref, attempt())).toMatchObject({ open: true });
      },
    );

    it('one that comes after the first drop is found under the locks of its table, and goes on when it is taken back', async () => {
      let meanwhile: Promise<unknown> | null = null;
      // several indexes are dropped online before the first table loses its columns
      const heartbeat = (seen: object) => {
        if ((seen as { doing?: string }).doing?.startsWith('index '))
          meanwhile ??= database.sql('create view old as select legacy_person_id from orders');
      };
      const dropped = await drop({ heartbeat }).catch((error) => error);
      await meanwhile;
      expect(dropped).toMatchObject({ message: expect.stringContaining('public.old needs') });
      expect(await wayBack(ref, attempt())).toMatchObject({ open: false });
      await database.sql('drop view old');
      await drop();
      const left = await database.sql(
        `select attname from pg_attribute where attname like 'legacy\\_%' and not attisdropped`,
      );
      expect(left).toEqual([]);
      // a child on the new keys, made whenever, goes along
      await database.sql(child('uuid')[1]);
    });
  });

  /** Holds a reader's transaction open until the step waits for its locks; then `meanwhile`, and the reader ends. */
  async function whileItWaits(
    step: (changes: { heartbeat: (seen: object) => void }) => Promise<unknown>,
    meanwhile: () => Promise<unknown>,
  ): Promise<unknown> {
    const reader = await database.app();
    await reader.query('begin');
    await reader.query('select count(*) from people');
    let waited = false;
    const heartbeat = (seen: object) => {
      if (waited || !('waits' in seen)) return;
      waited = true;
      void meanwhile().finally(() => reader.query('commit'));
    };
    const result = await step({ heartbeat }).catch((error) => error);
    await reader.end();
    expect(waited).toBe(true);
    return result;
  }
});
