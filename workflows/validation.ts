import type { ValidationMoment, ValidationResult } from '../activities/contract.js';
import type { RollbackReason } from '../src/plan/model.js';
import type { Failure } from './failure.js';
import { parkForward } from './park.js';
import { RollBack, type Run } from './run.js';
import { runStep } from './steps.js';
import { call } from './world.js';

export type Finding = ValidationResult['failures'][number];

/** One validation; its findings are for the caller to weigh. */
export async function validate(run: Run, when: ValidationMoment): Promise<ValidationResult | null> {
  return runStep(run, {
    step: 'validate',
    forward: () => call('validate', `validate ${when}`, { ...run.ref, when }),
  });
}

/** Validates until nothing is left that stops the phase. Throws RollBack where the plan's criteria or somebody say so. */
export async function passValidation(run: Run, when: ValidationMoment): Promise<ValidationResult | null> {
  for (;;) {
    const result = await validate(run, when);
    const findings = findingsOf(run, result);
    if (findings.length === 0) return result;
    await weigh(run, findings);
  }
}

/** What stops the phase: all that failed, without what somebody has skipped. */
export function findingsOf(run: Run, result: ValidationResult | null): Finding[] {
  if (result === null || result.passed) return [];
  const unnamed: Finding = { check: 'validation', on: run.request.phase, count: 1, reason: 'validation' };
  const failures = result.failures.length > 0 ? result.failures : [unnamed];
  return failures.filter((finding) => !run.skipped.has(nameOf(finding)));
}

/** The plan's criteria begin the rollback or ask first; what the plan says nothing about parks. */
export async function weigh(run: Run, findings: Finding[]): Promise<void> {
  const { on = [], askOn = [] } = run.brief?.rollback ?? {};
  const among = (reasons: RollbackReason[]) =>
    findings.some(({ reason }) => reasons.some((one) => one === reason));
  if (!run.noReturn && among(on)) throw new RollBack(`the plan rolls back on this: ${tell(findings)}`);
  const skippable = findings.every(({ reason }) => reason === 'probe' || reason === 'check');
  const action = await parkForward(run, failureOf(run, findings, among(askOn)), skippable);
  if (action === 'skip') for (const finding of findings) run.skipped.add(nameOf(finding));
}

export function failureOf({ request }: Run, findings: Finding[], asks = false): Failure {
  return {
    step: 'validate',
    type: 'ValidationFailed',
    code: asks ? 'validate.ask' : 'validate.failed',
    message: `validation failed: ${tell(findings)}`,
    remedy: `${asks ? 'The plan asks before it rolls back. ' : ''}See what failed with: npx rekey findings ${request.connection}. Repair, then retry.`,
    where: null,
  };
}

function tell(findings: Finding[]): string {
  const first = findings.slice(0, 5).map(({ check, on, count }) => `${check} on ${on} (${count})`);
  return `${first.join(', ')}${findings.length > 5 ? ` and ${findings.length - 5} more` : ''}`;
}

function nameOf({ check, on }: Finding): string {
  return `${check} on ${on}`;
}
