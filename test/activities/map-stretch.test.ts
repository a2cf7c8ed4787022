import { paced, stretchOf } from '../../activities/map-stretch.js';
import { parts, passesFor } from '../../src/substitution/map.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { LocalRun } from './local-run.js';

describe('A stretch of blocks', () => {
  it('is gone over in passes, each over all of its blocks, and the cursor moves when the last is through', () => {
    const steps = stretchOf(1_000, 9_000, 100, [20, 40]);
    const to = 1_800;
    for (const part of [20, 40, null]) {
      const pass = steps.filter((s) => s.part === part);
      expect(pass[0]?.from).toBe(1_000);
      expect(pass.at(-1)?.to).toBe(to);
      pass.slice(1).forEach((step, i) => {
        expect(step.from).toBe(pass[i]?.to);
      });
    }
    expect(steps.slice(0, -1).every((s) => s.next === 1_000)).toBe(true);
    expect(steps.at(-1)).toMatchObject({ part: null, next: to });
  });

  it('ends with its range, and a short one is done in one pass, a batch after the other', () => {
    expect(stretchOf(0, 300, 100, [20]).at(-1)?.next).toBe(300);
    expect(stretchOf(10, 40, 20, [20, 40])).toEqual([
      { from: 10, to: 30, part: null, next: 30 },
      { from: 30, to: 40, part: null, next: 40 },
    ]);
  });

  it('has smaller batches after one that clients had to wait for, and larger ones up to the plan afterwards', () => {
    expect(paced(80, 100, 400)).toBe(20);
    expect(paced(1, 100, 4_000)).toBe(1);
    expect(paced(20, 100, 70)).toBe(20);
    expect(paced(20, 100, 10)).toBe(30);
    expect(paced(80, 100, 10)).toBe(100);
  });

  it.each([
    [30, 4],
    [64, 2],
    [150, 1],
    [2_000, 1],
  ])('of rows of %i bytes that get %i shadows is divided in growing parts', (bytes, shadows) => {
    const passes = passesFor(bytes, shadows);
    expect(passes.length).toBeGreaterThan(0);
    passes.reduce((before, done) => {
      expect(done).toBeGreaterThan(before);
      return done;
    }, 0);
    expect(passes.at(-1)).toBeLessThan(parts);
  });
});

const rows = 30_000;
const plan = `version: 1
plan: stretch
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

describe('Map over a table of many blocks', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await connectedDatabase(testVersions()[0] as number);
    await database.sql(`create table people (id integer primary key, boss_id integer references people, note text);
      create index people_boss on people (boss_id);
      create index people_note on people (note);
      insert into people select n, nullif(n / 3, 0), repeat('note ' || n || ' ', 6) from generate_series(1, ${rows}) n`);
    await database.sql('vacuum analyze people');
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
  });

  afterAll(async () => {
    run.end();
    await database.drop();
  });

  it('leaves most rows in their page', async () => {
    await run.forward('main', 'map');
    const [updates] = await database.sql(
      `select pg_stat_get_tuples_updated(c.oid)::float8 as all, pg_stat_get_tuples_hot_updated(c.oid)::float8 as hot
       from pg_class c where c.oid = 'people'::regclass`,
    );
    expect(updates?.all).toBeGreaterThanOrEqual(rows);
    expect((updates?.hot as number) / rows).toBeGreaterThan(0.5);
    await run.back('main');
  });

  it('fills every row, those that a client holds as well', async () => {
    const app = await database.app();
    run.caller = async ({ activity, call }) => {
      if (activity === 'planMap')
        await app.query(`begin; update people set note = note where id in (1, 15000, ${rows})`);
      if (activity === 'mapRange') setTimeout(() => void app.query('commit'), 300);
      return call();
    };
    await run.forward('main', 'map');
    const [count] = await database.sql(
      `select count(*)::int as rows, count(uuid_id)::int as keys, count(boss_id_uuid)::int as bosses, count(boss_id)::int as had from people`,
    );
    expect(count).toEqual({ rows, keys: rows, bosses: count?.had, had: count?.had });
    await app.end();
  });
});
