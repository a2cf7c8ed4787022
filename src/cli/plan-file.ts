import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type FoundPlan, loadPlan } from '../plan/find.js';

/**
 * A plan by the name that workflows know it by (in REKEY_PLANS), or by the path of its file: what is checked before it is
 * put where the worker looks. Throws as `loadPlan` does.
 */
export async function findPlan(name: string): Promise<FoundPlan> {
  if (!(await isFile(name))) return loadPlan(name);
  const file = path.resolve(name);
  return loadPlan(path.basename(file), { REKEY_PLANS: path.dirname(file) });
}

async function isFile(name: string): Promise<boolean> {
  if (!/\.ya?ml$/.test(name)) return false;
  return stat(name).then(
    (found) => found.isFile(),
    () => false,
  );
}
