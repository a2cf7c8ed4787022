import { Operator } from './operator.js';
import { Final } from './patience.js';
import { dumpOf } from './proof.js';
import type { Ending } from './round.js';
import { drop, prepare } from './round-database.js';
import type { Setting } from './setting.js';
import type { Stage } from './stage.js';

/** What rounds start from, and what they are compared with. */
export class Base {
  private undisturbed: Promise<{ kept: string; cleanedUp: string }> | null = null;

  private constructor(
    private readonly stage: Stage,
    private readonly setting: Setting,
    private readonly say: (text: string) => void,
    /** the database that rounds are copied from: the phases before the disturbed one are done */
    readonly database: string,
    private readonly there: { untouched: string; before: string },
  ) {}

  static async lay(stage: Stage, setting: Setting, say: (text: string) => void): Promise<Base> {
    const database = `chaos_base_${setting.phase?.replaceAll('-', '_') ?? 'whole'}`;
    await prepare(stage, setting, database, null);
    const untouched = await dumpOf(stage, setting.ownerUrl(stage, database));
    await runAll(stage, database, setting.before, say);
    const before = await dumpOf(stage, setting.ownerUrl(stage, database));
    return new Base(stage, setting, say, database, { untouched, before });
  }

  /** The schema in this state, from a run that nobody disturbed, which is made when first asked for. */
  async expected(state: Ending): Promise<string> {
    if (state === 'untouched' || state === 'before') return this.there[state];
    this.undisturbed ??= this.runUndisturbed();
    return (await this.undisturbed)[state];
  }

  private async runUndisturbed(): Promise<{ kept: string; cleanedUp: string }> {
    const { stage, setting, say } = this;
    const database = `${this.database}_undisturbed`;
    await prepare(stage, setting, database, this.database);
    const disturbed = setting.phase === null ? setting.phases.slice(0, -1) : [setting.phase];
    await runAll(stage, database, disturbed, say);
    const kept = await dumpOf(stage, setting.ownerUrl(stage, database));
    // before the last phase cleanup has nothing that it may do
    if (setting.phases.at(-2) === disturbed.at(-1)) await runAll(stage, database, ['cleanup'], say);
    const cleanedUp = await dumpOf(stage, setting.ownerUrl(stage, database));
    await drop(stage, database);
    return { kept, cleanedUp };
  }
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
    const ending = await operator.see(id, () => 'approve', 900_000);
    if (ending.outcome !== 'done')
      throw new Final(`${phase}, which nobody disturbed, ended ${ending.status}: ${ending.why}`);
  }
  await stage.endWorkers('SIGTERM');
}
