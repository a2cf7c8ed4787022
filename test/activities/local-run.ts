import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attempt } from '../../activities/attempt.js';
import { analyzeTables, archiveMapping, buildIndexes, dropLegacy } from '../../activities/cleanup.js';
import type { Cluster } from '../../activities/cluster.js';
import { addColumns, dropColumns } from '../../activities/columns.js';
import type {
  PhaseBrief,
  PhaseRef,
  RunRef,
  ValidationMoment,
  ValidationResult,
} from '../../activities/contract.js';
import { createFoundation } from '../../activities/foundation.js';
import { finishMap, mapRange, planMap, unmap } from '../../activities/map.js';
import { openPhase, openRollBack } from '../../activities/open-phase.js';
import { closePhase } from '../../activities/phase-end.js';
import { preflight } from '../../activities/preflight.js';
import { swapKeys, swapKeysBack } from '../../activities/swap-keys.js';
import { buildTwins, dropTwins } from '../../activities/twins.js';
import { validate } from '../../activities/validate.js';
import { loadPlanText } from '../../src/plan/load.js';
import type { Phase, Plan } from '../../src/plan/model.js';
import { withSession } from '../../src/postgres/connect.js';
import { readFindings } from '../../src/postgres/findings.js';
import { openGate } from '../../src/postgres/gates.js';

/** The activities' functions in the order in which the workflows call them, without Temporal. */

/** Steps of a phase that moves tables; `opened` is before the first, and `kept` after the last. */
export const forwardSteps = ['preflight', 'addColumns', 'map', 'buildTwins', 'swapKeys'] as const;
export type ForwardStep = (typeof forwardSteps)[number];

/** One activity that is about to be called: `call` may be called again, as Temporal would. */
export interface Call {
  phase: string;
  activity: string;
  call: (attempt?: Partial<Attempt>) => Promise<unknown>;
}

/** How each activity is called: once and to its end unless a test has other ideas. */
export type Caller = (call: Call) => Promise<unknown>;

const once: Caller = ({ call }) => call();

const cluster: Cluster = {
  id: async () => 'a-cluster',
  isClosed: async () => true,
  openMigration: async () => null,
  statusOf: async () => null,
  tell: async () => undefined,
  sender: async () => ({ identity: null, principal: null }),
  searchAttributes: async () => [],
};

export function attempt(changes: Partial<Attempt> = {}): Attempt {
  return {
    signal: new AbortController().signal,
    heartbeat: () => undefined,
    outage: () => 0,
    untold: () => 0,
    ...changes,
  };
}

export class LocalRun {
  readonly plan: Plan;
  caller: Caller = once;
  /** for how long one call of mapRange works */
  sliceMs = 5_000;
  private readonly directory = mkdtempSync(join(tmpdir(), 'rekey-plans-'));
  private readonly before = process.env.REKEY_PLANS;
  private runs = 0;

  constructor(
    readonly connection: string,
    yaml: string,
  ) {
    // a plan that has not chosen is what test/fire/upserts is about
    const chosen = /^twins:/m.test(yaml) ? yaml : `twins: early\n${yaml}`;
    this.plan = loadPlanText(chosen, 'plan.yaml');
    writeFileSync(join(this.directory, `${this.plan.plan}.yaml`), chosen);
    process.env.REKEY_PLANS = this.directory;
    // measured by preflight; nothing is written there
    process.env.REKEY_BACKUPS ??= this.directory;
  }

  end(): void {
    if (this.before === undefined) delete process.env.REKEY_PLANS;
    else process.env.REKEY_PLANS = this.before;
    rmSync(this.directory, { recursive: true, force: true });
  }

  get tablePhases(): string[] {
    return this.plan.phases.filter((p) => p.kind === 'tables').map((p) => p.phase);
  }

  /** A phase from its opening to its end, or until a step has been done; then it stays open. */
  async forward(phase: string, until: ForwardStep | 'opened' | 'kept' = 'kept'): Promise<PhaseRef> {
    const { state, ...ref } = await this.open(phase);
    // as the workflow: nothing is run of what is done
    if (state === 'done') return ref;
    const { kind } = this.phaseOf(phase);
    if (kind === 'tables') await this.moveTables(ref, until);
    else if (kind === 'foundation') await this.layFoundation(ref);
    else await this.cleanUp(ref);
    if (until === 'kept') await this.run(ref, 'closePhase', closePhase, { outcome: 'done' as const });
    return ref;
  }

  /** The way back, from wherever the phase is. */
  async back(phase: string): Promise<void> {
    const request = this.request(phase);
    const brief = (await this.caller({
      phase,
      activity: 'openRollBack',
      call: (changes) => openRollBack(request, attempt(changes), cluster),
    })) as Awaited<ReturnType<typeof openRollBack>>;
    if (!brief.wayBack.open) throw new Error(`the way back is closed: ${brief.wayBack.because}`);
    const ref = { ...request, planHash: brief.planHash };
    await this.run(ref, 'swapKeysBack', swapKeysBack);
    await this.run(ref, 'dropTwins', dropTwins);
    await this.run(ref, 'unmap', unmap);
    await this.run(ref, 'dropColumns', dropColumns);
    await this.validate(ref, 'after-rollback');
    await this.run(ref, 'closePhase', closePhase, { outcome: 'rolled-back' as const });
  }

  /** Throws with what was found. */
  async validate(ref: PhaseRef, when: ValidationMoment): Promise<void> {
    const result = (await this.run(ref, 'validate', validate, { when })) as ValidationResult;
    if (result.passed) return;
    const found = result.failures.map((f) => `${f.check} ${f.on}: ${f.count}`).join('; ');
    const examples = await withSession(this.connection, 'test', (session) =>
      readFindings(session, { phase: ref.phase, limit: 5 }),
    );
    throw new Error(`validation ${when} of ${ref.phase} found ${found} ${JSON.stringify(examples)}`);
  }

  private async moveTables(ref: PhaseRef, until: string): Promise<void> {
    const steps: [ForwardStep, () => Promise<unknown>][] = [
      ['preflight', () => this.run(ref, 'preflight', preflight)],
      ['addColumns', () => this.run(ref, 'addColumns', addColumns)],
      ['map', () => this.map(ref)],
      ['buildTwins', () => this.twins(ref)],
      ['swapKeys', () => this.swap(ref)],
    ];
    if (until === 'opened') return;
    for (const [step, work] of steps) {
      await work();
      if (step === until) return;
    }
  }

  private async map(ref: PhaseRef): Promise<void> {
    const { ranges } = (await this.run(ref, 'planMap', planMap)) as Awaited<ReturnType<typeof planMap>>;
    for (const range of ranges) {
      for (;;) {
        const input = { ...range, sliceMs: this.sliceMs };
        const progress = (await this.run(ref, 'mapRange', mapRange, input)) as { done: boolean };
        if (progress.done) break;
      }
    }
    await this.run(ref, 'finishMap', finishMap);
  }

  private async twins(ref: PhaseRef): Promise<void> {
    await this.run(ref, 'buildTwins', buildTwins);
    await this.validate(ref, 'before-swap');
  }

  private async swap(ref: PhaseRef): Promise<void> {
    const phase = this.phaseOf(ref.phase);
    if (phase.kind === 'tables' && phase.twins === 'late')
      await this.run(ref, 'buildTwins', buildTwins, { late: true });
    await this.run(ref, 'swapKeys', swapKeys, { opening: null });
    await this.validate(ref, 'after-swap');
  }

  private async layFoundation(ref: PhaseRef): Promise<void> {
    await this.run(ref, 'preflight', preflight);
    await this.run(ref, 'createFoundation', createFoundation);
  }

  private async cleanUp(ref: PhaseRef): Promise<void> {
    await this.run(ref, 'preflight', preflight);
    const { opening } = await withSession(ref.connection, 'gate', (session) =>
      openGate(session, {
        phase: ref.phase,
        gate: 'before-drop',
        planHash: ref.planHash,
        parked: false,
        deadline: null,
        key: ref.run.runId,
      }),
    );
    await this.run(ref, 'dropLegacy', dropLegacy, { opening });
    await this.run(ref, 'buildIndexes', buildIndexes);
    await this.run(ref, 'analyzeTables', analyzeTables);
    await this.run(ref, 'archiveMapping', archiveMapping);
  }

  private async open(phase: string): Promise<PhaseRef & Pick<PhaseBrief, 'state'>> {
    const request = this.request(phase);
    const brief = (await this.caller({
      phase,
      activity: 'openPhase',
      call: (changes) => openPhase(request, attempt(changes), cluster),
    })) as Awaited<ReturnType<typeof openPhase>>;
    return { ...request, planHash: brief.planHash, state: brief.state };
  }

  private request(phase: string) {
    this.runs += 1;
    const run: RunRef = {
      workflowId: `local-${this.runs}`,
      firstRunId: `first-${this.runs}`,
      runId: `run-${this.runs}`,
      namespace: 'local',
    };
    return { plan: this.plan.plan, connection: this.connection, phase, run };
  }

  private run<I extends object>(
    ref: PhaseRef,
    activity: string,
    fn: (input: PhaseRef & I, attempt: Attempt) => Promise<unknown>,
    input: I = {} as I,
  ): Promise<unknown> {
    const call = (changes?: Partial<Attempt>) => fn({ ...ref, ...input }, attempt(changes));
    return this.caller({ phase: ref.phase, activity, call });
  }

  private phaseOf(name: string): Phase {
    const phase = this.plan.phases.find((p) => p.phase === name);
    if (!phase) throw new Error(`the plan has no phase ${name}`);
    return phase;
  }
}
