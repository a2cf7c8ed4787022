import type { Hazard } from '../errors.js';
import type { Phase } from '../plan/model.js';
import type { Database } from './database.js';
import { exampleOf, meets } from './expectation.js';
import type { OnFinding } from './findings.js';
import { answerOf, ranOutOfTime, readOnly } from './read-only.js';

export interface Readiness {
  /** rank stop: no `accept` lifts what the plan itself asks for */
  hazards: Hazard[];
  /** checks that only warn: their names and what they found */
  warnings: string[];
}

/** The plan's readiness checks of a phase, each in a read-only transaction of its own. `timeout`: ms for each. Throws BadInput `check.sql`. */
export async function checkReadiness(
  database: Database,
  phase: Phase,
  timeout = 60_000,
  heartbeat: () => void = () => undefined,
  onFinding: OnFinding = () => undefined,
): Promise<Readiness> {
  const result: Readiness = { hazards: [], warnings: [] };
  for (const { check, sql, expect, otherwise } of phase.readiness) {
    heartbeat();
    let answer: { passed: boolean; said: string };
    let rows: Record<string, unknown>[] = [];
    try {
      rows = await readOnly(database, `readiness check "${check}" of phase ${phase.phase}`, timeout, () =>
        answerOf(database, sql),
      );
      answer = meets(expect, rows);
    } catch (error) {
      if (!ranOutOfTime(error)) throw error;
      answer = { passed: false, said: `took longer than ${timeout} ms` };
    }
    if (answer.passed) continue;
    if (otherwise === 'warn') {
      result.warnings.push(`${check}: ${answer.said}`);
      continue;
    }
    const example = { said: answer.said, ...exampleOf(rows) };
    await onFinding({ check: `readiness ${check}`, on: `phase ${phase.phase}`, count: 1, example });
    result.hazards.push({
      hazard: 'readiness',
      rank: 'stop',
      on: check,
      message: `readiness check "${check}": ${answer.said}`,
      remedy: 'bring the database into the state that the plan asks for, then resolve with retry',
    });
  }
  return result;
}
