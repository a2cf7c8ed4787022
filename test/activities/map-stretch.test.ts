import type { Client } from 'pg';
import { type MapStep, Pace, Stretch } from '../../activities/map-stretch.js';
import { batchSql, leftOverSql, parts, passesFor, passSql } from '../../src/substitution/map.js';
import { Scene, shop } from '../checks/fixture.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { LocalRun } from './local-run.js';

function stepsOf(stretch: Stretch, blocks: number): MapStep[] {
  const steps: MapStep[] = [];
  for (let step = stretch.next(() => blocks); step; step = stretch.next(() => blocks)) {
    steps.push(step);
    expect(stretch.done).toBe(step.next === step.to && step.to === stretch.to);
  }
  return steps;
}

describe('A stretch of blocks', () => {
  it('is gone over in passes, each over all of its blocks, and the cursor moves with the last', () => {
    const steps = stepsOf(new Stretch(1_000, 9_000, 800, [20, 40]), 150);
    for (const part of [20, 40, null]) {
      const pass = steps.filter((s) => s.part === part);
      expect(pass[0]?.from).toBe(1_000);
      expect(pass.at(-1)?.to).toBe(1_800);
      pass.slice(1).forEach((step, i) => {
        expect(step.from).toBe(pass[i]?.to);
      });
      expect(pass.map((s) => s.next)).toEqual(pass.map((s) => (part === null ? s.to : 1_000)));
    }
  });

  it('ends with its range, and a short one is done in one pass, a batch after the other', () => {
    expect(stepsOf(new Stretch(0, 300, 800, [20]), 100).at(-1)?.next).toBe(300);
    expect(stepsOf(new Stretch(10, 40, 800, [20, 40]), 20)).toEqual([
      { from: 10, to: 30, part: null, next: 30 },
      { from: 30, to: 40, part: null, next: 40 },
    ]);
  });
});

describe('The pace of batches', () => {
  it('is small at first, whatever the statistics say, and grows until clients would have to wait', () => {
    const pace = new Pace(5_000);
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) {
      const blocks = pace.blocksOf(null);
      seen.push(blocks);
      pace.took(null, blocks, blocks * 10, blocks);
    }
    expect(seen).toEqual([16, 32, 64, 100, 100, 100]);
    pace.took(null, 100, 1_000, 400);
    expect(pace.blocksOf(null)).toBe(25);
    pace.took(null, 1, 1, 10_000);
    expect(pace.blocksOf(null)).toBe(1);
  });

  it('has no more rows in a batch than the plan says', () => {
    const pace = new Pace(500);
    pace.took(null, 16, 3_200, 20);
    expect(pace.blocksOf(null)).toBe(2);
  });

  it('is its own for each pass, and the short end of a stretch does not slow it down', () => {
    const pace = new Pace(5_000);
    pace.took(20, 16, 100, 1);
    expect(pace.blocksOf(20)).toBe(32);
    expect(pace.blocksOf(40)).toBe(16);
    pace.took(20, 3, 10, 1);
    expect(pace.blocksOf(20)).toBe(32);
  });
});

describe('A table', () => {
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

test('A batch reads the blocks that it is for, and no others', async () => {
  const version = testVersions()[0] as number;
  const more =
    'insert into orders (person_id, no) select n % 200 + 1, n from generate_series(2000, 40000) n; analyze';
  const scene = await Scene.open(`${shop}; ${more}`, version);
  try {
    await scene.forward();
    const { view, statements } = scene.phase();
    // no twin stands while map is at work
    for (const { text } of statements.buildTwins.down) await scene.session.query(text);
    const texts = [
      [passSql(view, 'orders'), [100, 116, 30]],
      [batchSql(view, 'orders', false), [100, 116]],
      [leftOverSql(view, 'orders'), [100, 116]],
    ] as const;
    for (const [text, values] of texts) {
      const lines = await scene.session.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values]);
      const plan = lines.map((l) => l['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Tid Range Scan on orders/);
      expect(plan).not.toMatch(/Seq Scan/);
    }
  } finally {
    await scene.close();
  }
}, 60_000);

const rows = 30_000;
// one range at a time: on a busy machine another one's batch is still open when a pass would prune what the last one left
const plan = `version: 1
plan: stretch
map: { strategy: in-place, parallel: 1 }
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

describe('Map over a table of many blocks', () => {
  let database: ConnectedDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    database = await connectedDatabase(testVersions()[0] as number);
    await database.sql(`create table people (id integer primary key, boss_id integer references people, note text)
        -- the snapshot of an autoanalyze would keep what a pass is to prune
        with (autovacuum_enabled = off);
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
    let seen = false;
    // no update: that one the sync trigger would fill
    run.caller = async ({ activity, call }) => {
      if (activity === 'planMap')
        await app.query(`begin; select id from people where id in (1, 15000, ${rows}) for update`);
      if (activity !== 'mapRange') return call();
      let ended = false;
      const range = call().finally(() => {
        ended = true;
      });
      // a second look waits for the row
      for (; !seen && !ended; await new Promise((resolve) => setTimeout(resolve, 10)))
        seen = await isWaitedFor(app);
      await app.query('commit');
      return range;
    };
    await run.forward('main', 'map');
    const [count] = await database.sql(
      `select count(*)::int as rows, count(uuid_id)::int as keys, count(boss_id_uuid)::int as bosses, count(boss_id)::int as had from people`,
    );
    expect(count).toEqual({ rows, keys: rows, bosses: count?.had, had: count?.had });
    expect(seen).toBe(true);
    await app.end();
  });

  const isWaitedFor = async (client: Client) => {
    const { processID } = client as unknown as { processID: number };
    const waiting = await database.sql(
      `select from pg_stat_activity where $1::int = any (pg_blocking_pids(pid)) and application_name like 'rekey %'`,
      [processID],
    );
    return waiting.length > 0;
  };
});
