import { ApplicationFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { asActivity } from '../../activities/attempt.js';
import { addColumns } from '../../activities/columns.js';
import type { PhaseRef } from '../../activities/contract.js';
import { isExhausted } from '../../activities/give-up.js';
import { mapRange, planMap } from '../../activities/map.js';
import { RekeyError } from '../../src/errors.js';
import { withSession } from '../../src/postgres/connect.js';
import { advanceCursor, readCursors } from '../../src/postgres/cursors.js';
import { openGate } from '../../src/postgres/gates.js';
import { journalFailure, runStatement, writeJournal } from '../../src/postgres/journal.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { peopleAndOrders } from '../workflows/real-phases.js';
import { attempt, LocalRun } from './local-run.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people], map: { parallel: 1 } }
`;

describe('A step that fails again and again', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;
  let ref: PhaseRef;

  beforeEach(async () => {
    database = await connectedDatabase(18);
    await database.sql(peopleAndOrders);
    // what the server says with a full disk, at the statements where the test wants it
    await database.superuser(`
      create table refusals (pattern text primary key);
      grant all on refusals to public;
      create function refuse() returns event_trigger language plpgsql as $$ begin
        if exists (select from public.refusals where pg_catalog.current_query() like pattern) then
          raise exception using errcode = '53100'; end if; end $$;
      create event trigger refuse on ddl_command_start execute function refuse()`);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
    ref = await run.forward('people', 'preflight');
  }, 60_000);

  afterEach(async () => {
    run.end();
    await database.superuser('drop event trigger refuse');
    await database.drop();
  });

  const refuse = (pattern: string) => database.sql('insert into refusals values ($1)', [pattern]);
  const makeRoom = () => database.sql('delete from refusals');
  const addOnce = () =>
    addColumns(ref, attempt()).then(
      () => 'done',
      (error: unknown) => (error instanceof RekeyError && error.retryable ? 'tried again' : String(error)),
    );
  const through = async () =>
    (
      await database.sql(
        `select count(*)::int4 as n from rekey.journal where phase = 'people' and step = 'addColumns' and kind = 'statement' and duration_ms is not null`,
      )
    )[0]?.n as number;
  /** as the workflow does before it waits for `resolve` */
  const park = (nth: number) =>
    withSession(database.connection, 'gate', (session) =>
      openGate(session, {
        phase: 'people',
        gate: 'addColumns',
        planHash: ref.planHash,
        parked: true,
        deadline: null,
        actions: ['retry', 'rollback'],
        key: `${ref.run.runId} ${nth}`,
      }),
    );
  const inVain = expect.stringMatching(/disk is full.*again and again/);

  test('parks after five tries although its first statements succeed each time, and has five again after resolve with retry', async () => {
    await refuse('create trigger%');
    const tries: string[] = [];
    for (let nth = 1; nth <= 5; nth++) {
      const before = await through();
      tries.push(await addOnce());
      // this is what kept it from giving up
      expect(await through()).toBeGreaterThan(before);
    }
    expect(tries).toEqual([...Array(4).fill('tried again'), inVain]);
    await park(1);
    const again: string[] = [];
    for (let nth = 1; nth <= 5; nth++) again.push(await addOnce());
    expect(again).toEqual([...Array(4).fill('tried again'), inVain]);
    await park(2);
    await makeRoom();
    expect(await addOnce()).toBe('done');
  }, 60_000);

  test('has all its tries anew once a try comes to a statement that none had come to before', async () => {
    await refuse('alter table%orders%add column%');
    for (let nth = 1; nth <= 4; nth++) expect(await addOnce()).toBe('tried again');
    await makeRoom();
    await refuse('create trigger%');
    for (let nth = 1; nth <= 4; nth++) expect(await addOnce()).toBe('tried again');
    expect(await addOnce()).toEqual(inVain);
  }, 60_000);

  test('has all its tries anew in a run that was started after another was terminated', async () => {
    await refuse('create trigger%');
    for (let nth = 1; nth <= 5; nth++) await addOnce();
    ref = await run.forward('people', 'preflight');
    for (let nth = 1; nth <= 4; nth++) expect(await addOnce()).toBe('tried again');
    expect(await addOnce()).toEqual(inVain);
  }, 60_000);

  test('of map counts from the last batch that moved its cursor, not from a pass that every try goes over', async () => {
    await makeRoom();
    await addColumns(ref, attempt());
    const { ranges } = await planMap(ref, attempt());
    await withSession(database.connection, 'test', async (session) => {
      const scope = { phase: 'people', step: 'map', run: ref.run };
      const disk = new RekeyError('Transient', {
        code: 'postgres.disk-full',
        message: 'full',
        remedy: 'room',
      });
      const fail = async (times: number) => {
        for (let nth = 1; nth <= times; nth++) await journalFailure(session, scope, disk);
      };
      await fail(4);
      expect(await isExhausted(session, scope)).toBe(false);
      const [cursor] = await readCursors(session, 'people', 'people');
      if (!cursor) throw new Error('people has no range');
      const again = {
        from: cursor.nextBlock,
        to: cursor.nextBlock,
        rows: 0,
        seconds: 0,
        skipped: [],
        done: false,
      };
      expect(await advanceCursor(session, cursor, again)).toBe(true);
      await fail(1);
      expect(await isExhausted(session, scope)).toBe(true);
      for (const range of ranges) await mapRange({ ...ref, ...range, sliceMs: 5_000 }, attempt());
      await fail(4);
      expect(await isExhausted(session, scope)).toBe(false);
      await fail(1);
      expect(await isExhausted(session, scope)).toBe(true);
    });
  }, 60_000);

  test('whose failures the journal has no room for gives up all the same', async () => {
    await refuse('create trigger%');
    await database.sql(`create function no_room() returns trigger language plpgsql as $$ begin
        if new.kind = 'failure' then raise exception using errcode = '53100'; end if; return new; end $$;
      create trigger no_room before insert on rekey.journal for each row execute function no_room()`);
    // each try is told by the last one's heartbeat, as Temporal does
    let told: unknown = null;
    const step = asActivity('addColumns', addColumns);
    const ends: unknown[] = [];
    for (let nth = 1; nth <= 5; nth++) {
      const environment = new MockActivityEnvironment(
        { attempt: nth, heartbeatDetails: told },
        { logger: new DefaultLogger('ERROR') },
      );
      environment.on('heartbeat', (details: unknown) => {
        told = details;
      });
      ends.push(
        await environment
          .run(step, ref)
          .catch((error: unknown) => error instanceof ApplicationFailure && error.nonRetryable),
      );
    }
    expect(ends).toEqual([false, false, false, false, true]);
  }, 60_000);
});

test('a statement that fails outside a transaction is one failure of its step, not two', async () => {
  const database = await connectedDatabase();
  const run = new LocalRun(database.connection, plan);
  try {
    await database.sql(peopleAndOrders);
    await run.forward('foundation');
    await withSession(database.connection, 'test', async (session) => {
      const scope = { phase: 'people', step: 'buildTwins' };
      for (let nth = 1; nth <= 4; nth++) {
        const failed = runStatement(session, scope, { object: 'people', text: 'select 1 / 0' });
        await journalFailure(session, scope, await failed.catch((error: unknown) => error));
      }
      expect(await isExhausted(session, scope)).toBe(false);
      await journalFailure(session, scope, new Error('the fifth'));
      expect(await isExhausted(session, scope)).toBe(true);
      // a step that ended may be run again, hours later
      await writeJournal(session, scope, { kind: 'step', object: 'people' });
      expect(await isExhausted(session, scope)).toBe(false);
    });
  } finally {
    run.end();
    await database.drop();
  }
}, 60_000);
