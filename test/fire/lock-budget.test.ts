import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backup } from '../../activities/backup.js';
import { undoAll } from '../../activities/undo-all.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { attempt, LocalRun } from '../activities/local-run.js';
import { figure } from '../figures.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { workshop, workshopPlan } from './boundaries-schema.js';
import { isStrong, LockWatch, modes, type Taken } from './lock-watch.js';
import { StatementProxy } from './statement-proxy.js';

/** The strongest lock on a live table, as the table of the design has it for each step; steps that it leaves out take none. */
const strongest: Record<string, string> = {
  preflight: 'AccessShareLock',
  addColumns: 'AccessExclusiveLock',
  planMap: 'AccessShareLock',
  mapRange: 'RowExclusiveLock',
  finishMap: 'AccessShareLock',
  buildTwins: 'AccessExclusiveLock',
  validate: 'AccessShareLock',
  swapKeys: 'AccessExclusiveLock',
  openRollBack: 'AccessShareLock',
  swapKeysBack: 'AccessExclusiveLock',
  dropTwins: 'AccessExclusiveLock',
  dropColumns: 'AccessExclusiveLock',
  dropLegacy: 'AccessExclusiveLock',
  buildIndexes: 'ShareUpdateExclusiveLock',
  analyzeTables: 'ShareUpdateExclusiveLock',
};
/** Beside the steps of that table: what reads the rows, and what takes all of it back without Temporal. */
const strongestBeside: Record<string, string> = { backup: 'AccessShareLock', undo: 'AccessExclusiveLock' };
const stall = 150;

const told = ({ step, mode, relation, statement }: Taken) =>
  `${step}: ${mode} on ${relation} by ${statement.slice(0, 100)}`;

/** Runs with every statement of Rekey's looked at, and answers with what was seen. */
async function watched(
  database: ConnectedDatabase,
  plan: string,
  work: (run: LocalRun, watch: LockWatch) => Promise<void>,
): Promise<LockWatch> {
  const watch = await LockWatch.start(database);
  process.env[connectionVariable(database.connection)] = watch.url;
  const run = new LocalRun(database.connection, plan);
  run.caller = async ({ activity, call }) => {
    watch.step = activity;
    return call();
  };
  try {
    await work(run, watch);
  } finally {
    run.end();
    await watch.stop();
    await database.drop();
  }
  expect(watch.errors).toEqual([]);
  return watch;
}

const onTables = ({ taken }: LockWatch) => taken.filter(({ kind }) => kind === 'r');
const rank = (mode: string | undefined) => (mode === undefined ? -1 : modes.indexOf(mode));

/** No stronger than the design says, and what clients wait for by one LOCK, quietly first, under a timeout of the whole statement. */
function expectBudget(watch: LockWatch): Taken[] {
  const tables = onTables(watch);
  expect(
    tables.filter((t) => rank(t.mode) > rank(strongest[t.step] ?? strongestBeside[t.step])).map(told),
  ).toEqual([]);
  const strong = tables.filter(({ mode }) => isStrong(mode));
  expect(strong.filter(({ statement }) => !/^lock table /i.test(statement)).map(told)).toEqual([]);
  expect(strong.filter(({ quietly }) => !quietly).map(told)).toEqual([]);
  expect(
    strong
      .filter(({ statementTimeout }) => !(Number(statementTimeout) > 0 && Number(statementTimeout) <= stall))
      .map(told),
  ).toEqual([]);
  // a foreign key lets readers go on; what does not changes catalogs only, or is proven by then
  const exclusive = strong.filter((t) => t.step === 'buildTwins' && t.mode === 'AccessExclusiveLock');
  const quick = /not null|check .* not valid$|set_key_default|drop constraint/i;
  expect(exclusive.map(({ next }) => next).filter((next) => !quick.test(next ?? ''))).toEqual([]);
  // indexes and sequences go under the locks of their tables; waiting for one has its limit, too
  const others = watch.taken.filter(
    (t) => t.kind !== 'r' && isStrong(t.mode) && !/concurrently/i.test(t.statement),
  );
  expect(
    others
      .filter(
        ({ lockTimeout, underTable }) =>
          !(Number(lockTimeout) > 0 && Number(lockTimeout) <= stall && underTable),
      )
      .map(told),
  ).toEqual([]);
  return strong;
}

describe.each(testVersions())('Locks on live tables, on PostgreSQL %i', (version) => {
  it('are no stronger than the design says after any statement of any step, and every one that clients wait for is asked for under the budget', async () => {
    const database = await connectedDatabase(version);
    await database.sql(workshop(12));
    const direct = process.env[connectionVariable(database.connection)] as string;
    const watch = await watched(database, workshopPlan, async (run, { url }) => {
      await run.forward('foundation');
      // back from before the cutover, back from behind it, and what comes after the last way back
      await run.forward('main', 'buildTwins');
      await run.back('main');
      await run.forward('main', 'swapKeys');
      await run.back('main');
      process.env[connectionVariable(database.connection)] = direct;
      await run.forward('main');
      process.env[connectionVariable(database.connection)] = url;
      await run.forward('cleanup');
    });
    figure('statements whose locks were looked at', watch.statements, 'statements');
    const strong = expectBudget(watch);
    // and each is seen at its strongest, so that the looking is known to work; all that buildIndexes runs is sampled
    // only, and an index of a few rows may be there before the first look
    const reached = (step: string) =>
      modes[
        Math.max(
          -1,
          ...onTables(watch)
            .filter((t) => t.step === step)
            .map((t) => rank(t.mode)),
        )
      ];
    const seen = (step: string) => reached(step) ?? (step === 'buildIndexes' ? strongest[step] : undefined);
    expect(Object.fromEntries(Object.keys(strongest).map((step) => [step, seen(step)]))).toEqual(strongest);
    figure('locks that clients wait for, each under the budget', strong.length, 'locks');
  }, 180_000);

  it('are held for a time that does not depend on the rows of a table: under them the same blocks are read of 1 row and of 3,000', async () => {
    const read = new Map<string, number[]>();
    for (const rows of [1, 3_000]) {
      const database = await connectedDatabase(version);
      await database.sql(workshop(rows));
      const proxy = await StatementProxy.start(database.ownerUrl);
      process.env[connectionVariable(database.connection)] = proxy.through(database.ownerUrl);
      const run = new LocalRun(database.connection, workshopPlan);
      let step = '';
      run.caller = async ({ activity, call }) => {
        step = activity;
        return call();
      };
      const before = new Map<number, { from: number; what: string }>();
      const blocks = async (ask: (sql: string) => Promise<Record<string, string | null>[]>) =>
        Number(
          (
            await ask(
              `select pg_catalog.sum(pg_catalog.pg_stat_get_xact_blocks_fetched(c.oid)) as n from pg_catalog.pg_class c
               where c.relkind = 'r' and c.relnamespace = 'public'::pg_catalog.regnamespace`,
            )
          )[0]?.n,
        );
      const most = new Map<string, number>();
      proxy.gate = {
        before: async ({ pid, text, ask }) => {
          const held = before.get(pid);
          if (/^lock table .* in (access|share row) exclusive mode/i.test(text))
            before.set(pid, { from: await blocks(ask), what: '' });
          else if (held && /^(release savepoint rekey_1|commit)/i.test(text)) {
            before.delete(pid);
            const n = (await blocks(ask)) - held.from;
            const key = `${step}: ${held.what}`;
            most.set(key, Math.max(most.get(key) ?? 0, n));
          } else if (held && held.what === '' && !/^(set|savepoint|insert into rekey)/i.test(text))
            held.what = step.startsWith('swap') && !/^alter/.test(text) ? 'the swap' : text.slice(0, 110);
          return undefined;
        },
        after: async ({ pid, state }) => {
          if (state !== 'T') before.delete(pid);
          return undefined;
        },
      };
      try {
        await run.forward('foundation');
        await run.forward('main', 'swapKeys');
        await run.back('main');
        if (rows > 1) await tellTimes(database.sql);
      } finally {
        run.end();
        await proxy.stop();
        await database.drop();
      }
      for (const [key, n] of most) read.set(key, [...(read.get(key) ?? []), n]);
    }
    expect(read.size).toBeGreaterThan(30);
    const grown = [...read].filter(([, [few = 0, many = 0]]) => many > few + 20);
    expect(grown.map(([what, ns]) => `${what}: ${ns.join(' blocks, then ')}`)).toEqual([]);
    figure(
      'most blocks of a table read under its locks, 3,000 rows',
      Math.max(...[...read.values()].flat()),
      'blocks',
    );
  }, 180_000);
});

it('Locks on live tables are kept by a backup, by twins that come late, and by an undo without Temporal of what is half-way and of what is cut over', async () => {
  const backups = mkdtempSync(join(tmpdir(), 'rekey-locks-'));
  process.env.REKEY_BACKUPS = backups;
  const database = await connectedDatabase();
  await database.sql(workshop(12));
  const late = `twins: late\n${workshopPlan}`;
  try {
    const watch = await watched(database, late, async (run, looking) => {
      const undo = async () => {
        looking.step = 'undo';
        const { connection } = database;
        const signal = new AbortController().signal;
        await undoAll({ connection, by: 'ann', foundation: false, signal, say: () => undefined });
      };
      await run.forward('foundation');
      const ref = await run.forward('main', 'preflight');
      looking.step = 'backup';
      await backup(ref, attempt());
      await run.forward('main', 'buildTwins');
      await undo();
      await run.forward('main', 'swapKeys');
      await undo();
    });
    expectBudget(watch);
    const steps = new Set(onTables(watch).map(({ step }) => step));
    expect([...steps]).toEqual(expect.arrayContaining(['backup', 'buildTwins', 'swapKeys', 'undo']));
  } finally {
    delete process.env.REKEY_BACKUPS;
    rmSync(backups, { recursive: true, force: true });
  }
}, 120_000);

async function tellTimes(sql: (text: string) => Promise<Record<string, unknown>[]>): Promise<void> {
  const held = await sql(
    `select step, max(duration_ms)::float8 as held from rekey.journal where kind = 'locks' group by step order by step`,
  );
  for (const { step, held: ms } of held)
    figure(`longest lock of ${step}`, Math.round(Number(ms) * 10) / 10, 'ms');
}
