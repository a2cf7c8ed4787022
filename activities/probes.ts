import {
  compareProbe,
  measureProbe,
  type ProbeMoment,
  type ProbeTimes,
  storedProbes,
  storeProbe,
} from '../src/checks/probes.js';
import type { Phase, Probe } from '../src/plan/model.js';
import type { Attempt } from './attempt.js';
import type { PhaseRef, StepResult, ValidationResult } from './contract.js';
import { keepFinding } from './keep-finding.js';
import { journalStep, type StepWork, withStep } from './phase-work.js';
import { Tally } from './run-work.js';

/** Measures every probe of the plan before anything has moved. Locks: ACCESS SHARE. */
export function measureBaseline(ref: PhaseRef, attempt: Attempt): Promise<StepResult> {
  return withStep('measureBaseline', ref, attempt, async (work) => {
    const tally = new Tally();
    for (const phase of work.plan.phases) {
      await measurePhase(work, phase, 'baseline');
      tally.ran(phase.probes.length);
    }
    await journalStep(work, tally.result());
    return tally.result();
  });
}

/** Measures a phase's probes and keeps the figures under a moment; a probe is a query of the plan, run as its author wrote it. */
export async function measurePhase(work: StepWork, phase: Phase, moment: ProbeMoment): Promise<void> {
  for (const probe of phase.probes) {
    const times = await measureProbe(work.session, probe, undefined, () =>
      work.heartbeat({ doing: `probe ${probe.probe}` }),
    );
    await storeProbe(work.session, phase.phase, moment, times);
  }
}

/** What is really slower is slower every time; what another client's burst made slower once is not. */
async function leastDisturbed(work: StepWork, probe: Probe, baseline: ProbeTimes) {
  for (let left = 3; ; left--) {
    const times = await measureProbe(work.session, probe, undefined, () =>
      work.heartbeat({ doing: `probe ${probe.probe}` }),
    );
    const verdict = compareProbe(baseline, times, work.plan.probes);
    if (verdict.verdict === 'success' || left === 1) return { times, verdict };
    await work.session.pause(1_000);
  }
}

/** Measures again and compares: what is slower than the plan allows is a failure of the reason `probe`. */
export async function compareProbes(
  work: StepWork,
  moment: ProbeMoment,
  result: ValidationResult,
): Promise<void> {
  const before = await storedProbes(work.session, work.ref.phase);
  for (const probe of work.phase.probes) {
    const baseline = before.get(probe.probe);
    if (!baseline) continue;
    const { times, verdict } = await leastDisturbed(work, probe, baseline);
    await storeProbe(work.session, work.ref.phase, moment, times);
    result.probes.push(verdict);
    result.checks += 1;
    if (verdict.verdict !== 'rollback') continue;
    const failure = { check: `probe ${probe.probe}`, on: work.ref.phase, count: 1 };
    result.failures.push({ ...failure, reason: 'probe' });
    const { beforeMs, afterMs } = verdict;
    const limit = `${Math.round(100 * work.plan.probes.rollback)}% slower`;
    const example = { before: `${beforeMs} ms`, after: `${afterMs} ms`, limit };
    await keepFinding(work, { ...failure, example });
  }
}
