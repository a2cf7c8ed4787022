import type { Client as Temporal } from '@temporalio/client';
import type { Status } from '../src/decisions/status.js';
import { type Urls, withClient } from './database.js';
import { type Load, startLoad } from './load.js';
import { kindsOfFailure, longest, type Measured, type Span } from './measured.js';
import type { Sizes } from './rows.js';
import { LogSampler } from './sampler.js';
import { verify } from './verify.js';

const translator = {
  uuid: `select rekey.new_key('accounts', $1::bigint)::text as key`,
  integer: `select rekey.old_key('accounts', $1::uuid)::text as key`,
};

const phase = 'accounts';

/** Runs the plan's phases through Temporal under load: forward, looked at, and back again. Approves gates at once. */
export async function runRekey(
  urls: Urls,
  temporal: Temporal,
  connection: string,
  options: { rows: number; sizes: Sizes; rate: number; connections: number; seed: number },
  say: (text: string) => void,
): Promise<Measured> {
  await runPhase(temporal, connection, 'foundation', async () => 'approve', say);
  const load = await startLoad({ ...options, url: urls.app, translator });
  const sampler = await LogSampler.start(urls.superuser);
  try {
    let verdict = notLooked;
    await runPhase(
      temporal,
      connection,
      phase,
      async (checkpoint) => {
        if (checkpoint !== 'after-swap') return 'approve';
        await load.pause();
        verdict = await verify(urls.superuser, options.sizes, load.ledger);
        say(
          `Rekey: after the cutover ${verdict.wrongReferences} wrong references, ${verdict.lostWrites} lost writes; and now back`,
        );
        load.resume();
        await new Promise((r) => setTimeout(r, 3_000));
        return 'reject';
      },
      say,
    );
    await load.stop();
    await sampler.stop();
    const journal = await readTimes(urls.superuser);
    return {
      ...figures(journal, load, sampler, options.rows),
      verdict,
      afterSwapBack: await verify(urls.superuser, options.sizes, load.ledger),
    };
  } finally {
    await load.stop().catch(() => undefined);
  }
}

const notLooked = {
  wrongReferences: Number.NaN,
  lostWrites: Number.NaN,
  lostRows: Number.NaN,
  checked: 0,
};

/** Follows one phase to its end and decides at its gates; looks every `lookEvery` ms. */
export async function runPhase(
  temporal: Temporal,
  connection: string,
  name: string,
  decide: (checkpoint: string) => Promise<'approve' | 'reject'>,
  say: (text: string) => void,
  lookEvery = 300,
  /** of the workflow; a phase that is run twice needs two */
  id = name,
): Promise<void> {
  const handle = await temporal.workflow.start('runPhase', {
    taskQueue: 'rekey',
    workflowId: `${connection}-${id}`,
    args: [{ plan: 'plan', connection, phase: name }],
  });
  let last = '';
  const decided = new Set<number>();
  for (;;) {
    const { status: execution } = await handle.describe();
    if (execution.name !== 'RUNNING') break;
    const status = await handle.query<Status>('status').catch(() => null);
    if (status) {
      const now = `${status.state} ${status.step ?? ''}`;
      if (now !== last) say(`Rekey: ${name}, ${now}`);
      last = now;
      if (status.state === 'parked') {
        await handle.terminate('the benchmark gives up');
        throw new Error(`${status.step} parked: ${status.failure?.message} ${status.failure?.remedy}`);
      }
      const { checkpoint, planHash } = status;
      if (status.state === 'waiting-for-approval' && checkpoint && !decided.has(checkpoint.opening)) {
        decided.add(checkpoint.opening);
        const decision = await decide(checkpoint.name);
        await handle.signal(decision, {
          checkpoint: checkpoint.name,
          opening: checkpoint.opening,
          plan: planHash,
          by: 'bench',
        });
      }
    }
    await new Promise((r) => setTimeout(r, lookEvery));
  }
  await handle.result();
}

interface Times {
  /** ends of steps, in order */
  ends: { step: string; at: number }[];
  cutover: Span & { heldMs: number };
  swapBack: Span & { heldMs: number };
  mapped: number;
}

function readTimes(url: string): Promise<Times> {
  return withClient(url, async (client) => {
    const rows = async <R>(text: string) => (await client.query(text, [phase])).rows as R[];
    const ends = await rows<{ step: string; kind: string; at: number }>(
      `select step, kind, (extract(epoch from at) * 1000)::float8 as at from rekey.journal
       where phase = $1 and kind in ('step', 'validation') order by id`,
    );
    const locks = await rows<{ step: string; at: number; held: number; waited: number }>(
      `select step, (extract(epoch from at) * 1000)::float8 as at, duration_ms as held, coalesce(lock_wait_ms, 0) as waited
       from rekey.journal where phase = $1 and kind = 'locks' and step in ('swapKeys', 'swapKeysBack') and object = $1 order by id`,
    );
    const mapped = await rows<{ rows: number }>(
      `select coalesce(sum(reltuples), 0)::float8 as rows from pg_class where relname in ('accounts', 'settings', 'orders', 'payments', 'memberships') and relkind = 'r' and $1 <> ''`,
    );
    const span = (step: string, since: number) => {
      const lock = locks.find((l) => l.step === step);
      if (!lock) throw new Error(`the journal knows no locks of ${step}`);
      return { from: since, to: lock.at, heldMs: lock.held + lock.waited };
    };
    const before = (step: string, kind: string) => {
      const end = ends.findIndex((e) => e.step === step);
      return ends.slice(0, end).findLast((e) => e.kind === kind)?.at ?? 0;
    };
    const back = span('swapKeysBack', 0);
    return {
      ends,
      // missed tries at the locks count to the cutover: they begin when the last validation has ended
      cutover: span('swapKeys', before('swapKeys', 'validation')),
      swapBack: { ...back, from: back.to - back.heldMs - 1_000 },
      mapped: mapped[0]?.rows ?? 0,
    };
  });
}

function figures(
  { ends, cutover, swapBack, mapped }: Times,
  load: Load,
  sampler: LogSampler,
  rows: number,
): Omit<Measured, 'verdict' | 'afterSwapBack'> {
  const endOf = (step: string) => ends.find((e) => e.step === step)?.at ?? Number.NaN;
  const began = endOf('backup');
  const ended = endOf('swapKeys');
  const parts = ends
    .filter((e) => e.at > began && e.at <= ended)
    .map(({ step, at }, i, all) => ({ part: step, seconds: (at - (all[i - 1]?.at ?? began)) / 1000 }));
  const mapSeconds = (endOf('finishMap') - endOf('addColumns')) / 1000;
  return {
    side: 'Rekey',
    rows,
    seconds: (ended - began) / 1000,
    logBytes: sampler.between(began, ended),
    cutoverMs: cutover.heldMs,
    swapBackMs: swapBack.heldMs,
    longestStallMs: longest(load.timings, [cutover, swapBack], false),
    longestStallAtCutoverMs: longest(load.timings, [cutover], true),
    longestStallAtSwapBackMs: longest(load.timings, [swapBack], true),
    operations: load.operations(),
    retried: load.retried(),
    failed: load.failures.length,
    failures: kindsOfFailure(load),
    mapRowsPerSecond: mapped / mapSeconds,
    parts,
  };
}
