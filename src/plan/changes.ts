import type { Plan } from './model.js';
import { normalPhase } from './normal.js';
import type { PlanPath } from './problems.js';

/**
 * Where a phase, and what it uses of the rest, is no longer what it was: paths in the plan as it is now, the innermost that
 * differ. Empty where a plan of another version says the same. Pure.
 */
export function changesOf(before: Plan, now: Plan, phase: string): PlanPath[] {
  const at = now.phases.findIndex((one) => one.phase === phase);
  const text = (plan: Plan): unknown => JSON.parse(normalPhase(plan, phase));
  const places = differences(text(before), text(now), []).map((path) =>
    path[0] === 'phase' ? ['phases', at, ...inFile(path.slice(1))] : inFile(path),
  );
  return places.filter((path, i) => places.findIndex((one) => one.join() === path.join()) === i);
}

/** Lists of the model that hold a part of what the file has, or that are no list there: the place of the whole is said. */
const whole = ['references', 'accept', 'definitions', 'subscribers', 'checkpoints'];

/** The model's names are those of the file, in camel case. */
function inFile(path: PlanPath): PlanPath {
  const words = whole.includes(String(path[0])) ? path.slice(0, 1) : path;
  return words.map((part) =>
    typeof part === 'number' ? part : part.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  );
}

function differences(before: unknown, now: unknown, path: PlanPath): PlanPath[] {
  if (!isObject(before) || !isObject(now) || Array.isArray(before) !== Array.isArray(now))
    return before === now ? [] : [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].flatMap((key) =>
    differences(before[key], now[key], [...path, Array.isArray(now) ? Number(key) : key]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
