import {
  CancellationScope,
  currentUpdateInfo,
  defineQuery,
  defineSignal,
  defineUpdate,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import type { DecisionEvent, DecisionRecord } from '../activities/contract.js';
import { decide } from '../src/decisions/decide.js';
import type { Decision } from '../src/decisions/model.js';
import { claimOf, parseDecide, parseDecision, parseHold, parseResolution } from '../src/decisions/parse.js';
import { resolve } from '../src/decisions/resolve.js';
import type { Status } from '../src/decisions/status.js';
import type { Run } from './run.js';
import { statusOf } from './status.js';
import { call } from './world.js';

export interface Verdict {
  counted: boolean;
  verdict: string;
}

export const statusQuery = defineQuery<Status>('status');
export const decideUpdate = defineUpdate<Verdict, [unknown]>('decide');
export const phaseSignals = ['approve', 'reject', 'pause', 'resume', 'resolve'] as const;
export type PhaseSignal = (typeof phaseSignals)[number];

const description: Record<PhaseSignal, string> = {
  approve: 'Approves the open checkpoint: {checkpoint, opening, plan, by, reason?, checklist?}',
  reject: 'Rejects the open checkpoint, which rolls back: {checkpoint, opening, plan, by, reason?}',
  pause: 'Stops after the batch or step that is under way: {by}',
  resume: 'Goes on after a pause: {by}',
  resolve:
    'Says what to do with a parked step: {step, opening, plan, action: retry | skip | rollback, by, reason?}',
};

/**
 * Hears everybody and never throws. Each decision is judged once, when it arrives; all of them, those that open
 * nothing and signals with unknown names included, go to the journal.
 */
export function listen(run: Run): void {
  const heard: Record<string, number> = {};
  const eventOf = (signal: string): DecisionEvent => {
    heard[signal] = (heard[signal] ?? 0) + 1;
    return { signal, nth: heard[signal] };
  };
  setHandler(statusQuery, () => statusOf(run), {
    description: 'Where the phase is, what waits for whom, what to type next',
  });
  for (const name of ['approve', 'reject'] as const) {
    setHandler(
      defineSignal<[unknown]>(name),
      async (input: unknown) => {
        const event = eventOf(name);
        const parsed = parseDecision(name, input);
        if (parsed.ok) await judge(run, parsed.value, event);
        else ignore(run, name, input, event, parsed.why);
      },
      { description: description[name] },
    );
  }
  setHandler(
    decideUpdate,
    async (input: unknown): Promise<Verdict> => {
      const event: DecisionEvent = { update: currentUpdateInfo()?.id ?? 'unknown' };
      const parsed = parseDecide(input);
      return parsed.ok ? judge(run, parsed.value, event) : ignore(run, 'decide', input, event, parsed.why);
    },
    {
      description:
        'As approve and reject, and answers at once: {decision: approve | reject, checkpoint, opening, plan, by, ...}',
    },
  );
  setHandler(
    defineSignal<[unknown]>('resolve'),
    (input: unknown) => hearResolution(run, input, eventOf('resolve')),
    {
      description: description.resolve,
    },
  );
  for (const name of ['pause', 'resume'] as const) {
    setHandler(defineSignal<[unknown]>(name), (input: unknown) => hold(run, name, input, eventOf(name)), {
      description: description[name],
    });
  }
  setDefaultSignalHandler((name, input) => {
    ignore(
      run,
      name,
      input,
      eventOf(name),
      `there is no signal of this name; there are ${phaseSignals.join(', ')}`,
    );
  });
}

/** Judged with the clock of its arrival, even if the server has to be asked who sent it. */
async function judge(run: Run, decision: Decision, event: DecisionEvent): Promise<Verdict> {
  const arrived = Date.now();
  const principal = run.gate?.trust === 'principal' ? await principalOf(run, event) : null;
  const { counted, verdict, next } = decide(run.gate, decision, arrived, principal);
  run.gate = next;
  record(run, { ...decision, verdict: counted ? 'counted' : verdict }, event);
  if (!counted) run.note(`ignored ${decision.decision} by ${decision.by}: ${verdict}`);
  run.changed();
  return { counted, verdict };
}

async function principalOf(run: Run, event: DecisionEvent): Promise<string | null> {
  run.judging += 1;
  try {
    const { principal } = await CancellationScope.nonCancellable(() =>
      call(
        'readSender',
        'asks the server who has sent a decision',
        { ...run.ref, event },
        { within: 60_000 },
      ),
    );
    return principal;
  } catch {
    return null;
  } finally {
    run.judging -= 1;
  }
}

function hearResolution(run: Run, input: unknown, event: DecisionEvent): void {
  const parsed = parseResolution(input);
  if (!parsed.ok) {
    ignore(run, 'resolve', input, event, parsed.why);
    return;
  }
  const { step, opening, action, by, reason } = parsed.value;
  const { counted, verdict, next } = resolve(run.parking, parsed.value);
  run.parking = next;
  record(
    run,
    {
      checkpoint: step,
      opening,
      decision: `resolve: ${action}`,
      by,
      reason,
      checklist: [],
      verdict: counted ? 'counted' : verdict,
    },
    event,
  );
  if (!counted) {
    run.note(`ignored resolve by ${by}: ${verdict}`);
    run.changed();
  }
}

function hold(run: Run, name: 'pause' | 'resume', input: unknown, event: DecisionEvent): void {
  const parsed = parseHold(input);
  if (!parsed.ok) {
    ignore(run, name, input, event, parsed.why);
    return;
  }
  const { by, reason } = parsed.value;
  const over = ['rolling-back', 'rolled-back', 'done'].includes(run.state);
  const verdict = over ? `late: the phase is ${run.state}` : 'counted';
  record(
    run,
    { checkpoint: run.step ?? '', opening: null, decision: name, by, reason, checklist: [], verdict },
    event,
  );
  if (!over) {
    const paused = name === 'pause';
    run.pausedBy = paused ? by : null;
    run.later(() => call('setPause', `${name} by ${by}`, { ...run.ref, paused, by }));
  }
  run.note(over ? `ignored ${name} by ${by}: ${verdict}` : `${name} by ${by}`);
  run.changed();
}

function ignore(run: Run, signal: string, input: unknown, event: DecisionEvent, why: string): Verdict {
  const verdict = `ignored ${signal.slice(0, 60)}: ${why}`.slice(0, 500);
  const checkpoint = claimOf(input, 'checkpoint') ?? claimOf(input, 'step') ?? '';
  record(
    run,
    {
      checkpoint,
      opening: null,
      decision: signal.slice(0, 60),
      by: claimOf(input, 'by'),
      reason: null,
      checklist: [],
      verdict,
    },
    event,
  );
  run.note(verdict);
  run.changed();
  return { counted: false, verdict };
}

function record(run: Run, said: Omit<DecisionRecord, 'at'>, event: DecisionEvent): void {
  const { checkpoint, opening, decision, by, reason, checklist, verdict } = said;
  const entry: DecisionRecord = {
    checkpoint,
    opening,
    decision,
    by,
    reason,
    checklist,
    verdict,
    at: new Date().toISOString(),
  };
  run.later(() => call('recordDecision', `${decision}: ${verdict}`, { ...run.ref, record: entry, event }));
}
