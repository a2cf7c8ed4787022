import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { RekeyError } from '../errors.js';
import { readPlanText } from './load.js';
import type { Plan } from './model.js';
import type { Locate } from './problems.js';

export interface FoundPlan {
  plan: Plan;
  /** the text of the file */
  source: string;
  /** its path below REKEY_PLANS, as it stands in errors */
  file: string;
  locate: Locate;
}

/**
 * Reads the plan `name` from the directory REKEY_PLANS: `name.yaml`, `name.yml`, a path of a file in it, or the one file
 * at its top whose `plan:` is that name (what a run prints to type next is the plan's own name). Never a file outside of
 * it, symbolic links included. Throws BadInput: `plan.no-directory`, `plan.not-found`, `plan.outside`,
 * `plan.unreadable`, and PlanErrors for what is wrong in it.
 */
export async function loadPlan(
  name: string,
  environment: Record<string, string | undefined> = process.env,
): Promise<FoundPlan> {
  const directory = environment.REKEY_PLANS;
  if (!directory) {
    throw badInput(
      'plan.no-directory',
      'REKEY_PLANS is not set',
      'Set REKEY_PLANS to the directory that has the plans.',
    );
  }
  const root = await realpath(directory).catch((error: NodeJS.ErrnoException) => {
    throw badInput(
      'plan.no-directory',
      `the directory of REKEY_PLANS can not be read (${error.code ?? 'unknown error'})`,
      'Set REKEY_PLANS to a directory that this process may read.',
    );
  });
  const file = await fileOf(root, name);
  const shown = path.relative(root, file);
  const source = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw badInput(
      'plan.unreadable',
      `the plan ${shown} can not be read (${error.code ?? 'unknown error'})`,
      'Give this process the right to read it.',
    );
  });
  return { ...readPlanText(source, shown), source, file: shown };
}

async function fileOf(root: string, name: string): Promise<string> {
  const outside = () =>
    badInput(
      'plan.outside',
      'the plan is not in the directory REKEY_PLANS',
      'Name a plan by its path in REKEY_PLANS.',
    );
  if (name === '' || name.includes('\0')) throw notFound(name);
  const isInside = (file: string) => file.startsWith(root.endsWith(path.sep) ? root : root + path.sep);
  const candidates = /\.ya?ml$/.test(name) ? [name] : [`${name}.yaml`, `${name}.yml`];
  for (const candidate of candidates) {
    const file = path.resolve(root, candidate);
    if (!isInside(file)) throw outside();
    const real = await realpath(file).catch(() => null);
    if (real === null) continue;
    if (!isInside(real)) throw outside();
    return real;
  }
  return fileThatIsCalled(root, name);
}

/** A plan may have another name than its file; two files of one name are too many. */
async function fileThatIsCalled(root: string, name: string): Promise<string> {
  const entries = await readdir(root, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries) {
    if (!entry.isFile() || !/\.ya?ml$/.test(entry.name)) continue;
    const file = path.join(root, entry.name);
    const text = await readFile(file, 'utf8').catch(() => '');
    const called = /^plan:[ \t]*(["']?)([\w.-]+)\1[ \t]*(?:#.*)?$/m.exec(text)?.[2];
    if (called === name) found.push(file);
  }
  if (found.length > 1) {
    throw badInput(
      'plan.ambiguous',
      `the plan "${name}" is in ${found.map((file) => path.basename(file)).join(' and in ')}`,
      'Name one of the files, or take one out of the directory.',
    );
  }
  if (found[0] === undefined)
    throw notFound(
      name,
      entries.map((e) => e.name).filter((file) => /\.ya?ml$/.test(file)),
    );
  return found[0];
}

const shownPlans = 10;

/** `files`: those at the top of the directory. */
function notFound(name: string, files: string[] = []): RekeyError {
  const shown = name.length > 100 ? `${name.slice(0, 97)}...` : name;
  const names = files.map((file) => file.replace(/\.ya?ml$/, '')).sort();
  const listed = `${names.slice(0, shownPlans).join(', ')}${names.length > shownPlans ? ' and others' : ''}`;
  return badInput(
    'plan.not-found',
    `there is no plan "${shown}" in the directory REKEY_PLANS`,
    `Name a plan by its file, testapp for testapp.yaml${listed ? `; there: ${listed}` : ''}.`,
  );
}

function badInput(code: string, message: string, remedy: string): RekeyError {
  return new RekeyError('BadInput', { code, message, remedy });
}
