import { Operator } from './operator.js';
import { Final } from './patience.js';
import { dumpOf } from './proof.js';
import type { Expected } from './round.js';
import { drop, prepare } from './round-database.js';
import type { Setting } from './setting.js';
import type { Stage } from './stage.js';

export interface Base {
  /** the database that rounds are copied from: the phases before the disturbed one are done */
  database: string;
  expected: Expected;
  /** how long the phase takes when nobody disturbs it, ms */
  undisturbedMs: number;
}

/** Makes what rounds start from, and one undisturbed round to compare all others with. */
export async function layBase(stage: Stage, setting: Setting, say: (text: string) => void): Promise<Base> {
  const database = `chaos_base_${setting.phase?.replaceAll('-', '_') ?? 'whole'}`;
  await prepare(stage, setting, database, null);
  const untouched = await dumpOf(stage, setting.ownerUrl(stage, database));
  await runAll(stage, database, setting.before, say);
  const before = await dumpOf(stage, setting.ownerUrl(stage, database));
  const undisturbed = `${database}_undisturbed`;
  await prepare(stage, setting, undisturbed, database);
  const began = Date.now();
  const disturbed = setting.phase === null ? setting.phases.slice(0, -1) : [setting.phase];
  await runAll(stage, undisturbed, disturbed, say);
  const undisturbedMs = Date.now() - began;
  const kept = await dumpOf(stage, setting.ownerUrl(stage, undisturbed));
  const last = setting.phases.at(-2) === disturbed.at(-1);
  // before the last phase cleanup has nothing that it may do
  if (last) await runAll(stage, undisturbed, ['cleanup'], say);
  const cleanedUp = await dumpOf(stage, setting.ownerUrl(stage, undisturbed));
  await drop(stage, undisturbed);
  return { database, expected: { untouched, before, kept, cleanedUp }, undisturbedMs };
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
