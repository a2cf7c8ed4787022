import { Operator } from './operator.js';
import { Final } from './patience.js';
import { dumpOf } from './proof.js';
import { drop, type Expected, prepare } from './round.js';
import type { Setting } from './setting.js';
import type { Stage } from './stage.js';

export interface Base {
  /** the database that rounds are copied from: the phases before the disturbed one are done */
  database: string;
  expected: Expected;
  /** how long the phase takes when nobody disturbs it, ms */
  expectedMs: number;
}

/** Makes what rounds start from, and one undisturbed round to compare all others with. */
export async function layBase(stage: Stage, setting: Setting, say: (text: string) => void): Promise<Base> {
  const database = `chaos_base_${setting.phase?.replaceAll('-', '_') ?? 'whole'}`;
  await prepare(stage, setting, database, null);
  await runAll(stage, database, setting.before, say);
  const before = await dumpOf(stage, setting.ownerUrl(stage, database));
  if (setting.phase === null)
    return { database, expected: { before, kept: '', cleanedUp: '' }, expectedMs: 0 };
  const undisturbed = `${database}_undisturbed`;
  await prepare(stage, setting, undisturbed, database);
  const began = Date.now();
  await runAll(stage, undisturbed, [setting.phase], say);
  const expectedMs = Date.now() - began;
  const kept = await dumpOf(stage, setting.ownerUrl(stage, undisturbed));
  const last = setting.phases.at(-2) === setting.phase;
  // before the last phase cleanup has nothing that it may do
  if (last) await runAll(stage, undisturbed, ['cleanup'], say);
  const cleanedUp = await dumpOf(stage, setting.ownerUrl(stage, undisturbed));
  await drop(stage, undisturbed);
  return { database, expected: { before, kept, cleanedUp }, expectedMs };
}

async function runAll(
  stage: Stage,
  database: string,
  phases: string[],
  say: (text: string) => void,
): Promise<void> {
  stage.startWorker();
  for (const phase of phases) {
    const operator = new Operator(stage, say);
    const id = `${database}/${phase}`;
    await operator.start('runPhase', id, { phase });
    const ending = await operator.see(id, () => 'approve', 300_000);
    if (ending.outcome !== 'done')
      throw new Final(`${phase}, which nobody disturbed, ended ${ending.status}: ${ending.why}`);
  }
  await stage.endWorkers('SIGTERM');
}
