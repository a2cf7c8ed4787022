import {
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setDefaultSignalHandler,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { MigrationBrief, MigrationRequest } from '../activities/contract.js';
import { type Command, onOneLine, resolveCommands, startCommand } from '../src/decisions/commands.js';
import type { Parking } from '../src/decisions/model.js';
import { parseResolution, parseTold } from '../src/decisions/parse.js';
import { resolve } from '../src/decisions/resolve.js';
import type { FailureStatus, MigrationStatus, Status } from '../src/decisions/status.js';
import { showAttributes } from './announce.js';
import { told } from './details.js';
import { badInput } from './failure.js';
import { type PhaseSignal, phaseSignals, type Verdict } from './listen.js';
import type { PhaseResult } from './run-phase.js';
import { SignalLine } from './signal-line.js';
import { whyItEnds } from './tell-why.js';

/** a migration has no hash of its own: a phase has */
const unknown = 'unknown';

/** What a migration shows of its open phase, and how it passes on what is said to it. */
export class Migration {
  attributes: string[] = [];
  /** what is under way: the phase, or what the journal is asked */
  at = 'readMigration';
  private phases: MigrationBrief['phases'] = [];
  private open: { phase: string; workflowId: string } | null = null;
  /** the child exists and can be signalled */
  private ready = false;
  private readonly toPhase = new SignalLine();
  private waiting: { name: string; input: unknown }[] = [];
  private child: Status | null = null;
  private childDetails = '';
  private parking: Parking | null = null;
  private failure: FailureStatus | null = null;
  private notes: string[] = [];
  private state: Status['state'] = 'running';
  private shownAttributes = '';
  private shownMemo = '';
  /** the migration ends FAILED: what starts it again */
  private restart: Command | null = null;
  /** when the last thing came to be known, here or in the phase that told of itself */
  private knownAt = new Date().toISOString();

  constructor(readonly request: MigrationRequest) {}

  get cancelled(): boolean {
    return CancellationScope.current().consideredCancelled;
  }

  shield<T>(work: () => Promise<T>): Promise<T> {
    return CancellationScope.nonCancellable(work);
  }

  /** Signals are passed on to the open phase, whatever their name: it judges and records them. */
  listen(): void {
    setHandler(defineQuery<MigrationStatus>('status'), () => this.status(), {
      description: 'Where the migration is, what waits for whom, what to type next',
    });
    setHandler(defineSignal<[unknown]>('phaseChanged'), (status) => this.hear(status), {
      description: 'A phase tells where it is; not for people',
    });
    for (const name of phaseSignals) {
      setHandler(defineSignal<[unknown]>(name), (input) => this.heard(name, input), {
        description: 'Is passed on to the open phase',
      });
    }
    setDefaultSignalHandler((name, input) => this.passOn(name, input));
    setHandler(defineUpdate<Verdict, [unknown]>('decide'), (_input: unknown) => this.refuseDecide(), {
      validator: (_input: unknown) => {
        this.refuseDecide();
      },
      description: 'Is refused here: send it to the open phase',
    });
  }

  show(brief: MigrationBrief): void {
    this.phases = brief.phases;
    this.changed();
  }

  opens(phase: string, workflowId: string): void {
    this.at = phase;
    if (this.open?.workflowId === workflowId) return;
    this.open = { phase, workflowId };
    this.child = null;
    this.childDetails = '';
    this.ready = false;
    this.changed();
  }

  /** From now on the open phase can be signalled; what came too early follows. */
  started(): void {
    this.ready = true;
    for (const { name, input } of this.waiting.splice(0)) this.passOn(name, input);
  }

  end(outcome: PhaseResult['outcome'], results: PhaseResult[]): PhaseResult {
    this.state = outcome;
    this.settle(outcome);
    this.changed();
    const sum = (of: (result: PhaseResult) => number) =>
      results.reduce((total, result) => total + of(result), 0);
    const stalls = results.flatMap(({ longestStallMs }) => longestStallMs ?? []);
    return {
      outcome,
      phase: results.at(-1)?.phase ?? '',
      tables: sum(({ tables }) => tables),
      rows: sum(({ rows }) => rows),
      seconds: sum(({ seconds }) => seconds),
      longestLockMs: Math.max(0, ...results.map(({ longestLockMs }) => longestLockMs)),
      ...(stalls.length > 0 ? { longestStallMs: Math.max(...stalls) } : {}),
      // each phase has its own figures of the same names
      metrics: Object.fromEntries(
        results.flatMap(({ phase, metrics }) =>
          Object.entries(metrics).map(([name, value]) => [`${phase}.${name}`, value]),
        ),
      ),
    };
  }

  /** What the last phase told last may be older than its end: nothing of it is left to decide. */
  private settle(state: PhaseResult['outcome']): void {
    if (this.child)
      this.child = {
        ...this.child,
        state,
        step: null,
        checkpoint: null,
        failure: null,
        window: null,
        next: [],
      };
    this.childDetails = '';
  }

  /** It ends FAILED: shows why, and what starts it again. Parked, as nothing goes on by itself. */
  fails(error: Error): void {
    const { workflowId, namespace, taskQueue } = workflowInfo();
    const isPhase = this.at === this.open?.phase;
    const step = isPhase ? this.child?.step : null;
    this.failure = whyItEnds(step ?? this.at, error);
    this.restart = startCommand({ workflowId, namespace }, taskQueue, 'runMigration', this.request);
    this.state = 'parked';
    this.parking = null;
    // of a phase that came before, what it told last is no longer so
    if (this.at === 'readMigration') this.child = null;
    if (this.child) this.child = { ...this.child, checkpoint: null, window: null };
    if (this.child && isPhase) this.child = { ...this.child, state: 'parked' };
    this.childDetails = '';
    this.changed();
  }

  /** The journal can't be asked: shows why and waits for `resolve`, which is then meant for the migration itself. */
  async park({ step, code, message, remedy }: FailureStatus): Promise<void> {
    const opening = Math.floor(Date.now() / 1000);
    this.parking = { step, opening, planHash: unknown, actions: ['retry'], action: null, by: null };
    this.failure = { step, code, message, remedy };
    this.changed();
    await condition(() => this.parking?.action != null);
    this.parking = null;
    this.failure = null;
    this.changed();
  }

  private heard(name: PhaseSignal, input: unknown): void {
    if (name !== 'resolve' || this.parking === null) {
      this.passOn(name, input);
      return;
    }
    const parsed = parseResolution(input);
    const verdict = parsed.ok ? resolve(this.parking, parsed.value) : null;
    if (verdict?.counted) this.parking = verdict.next;
    else this.note(`ignored resolve: ${parsed.ok ? verdict?.verdict : parsed.why}`);
    this.changed();
  }

  private passOn(name: string, input: unknown): void {
    if (this.state !== 'running') return;
    if (this.open === null || !this.ready) {
      // bounded: whoever sends more before a phase is open is told in the notes
      if (this.waiting.length < 20) this.waiting.push({ name, input });
      else this.note(`ignored ${name.slice(0, 60)}: no phase is open`);
      return;
    }
    const { workflowId } = this.open;
    this.toPhase.send(() =>
      getExternalWorkflowHandle(workflowId)
        .signal(name, input)
        .catch(() => {
          this.note(`${name.slice(0, 60)} did not reach ${workflowId}: it is closed`);
          this.changed();
        }),
    );
  }

  private refuseDecide(): Verdict {
    const id = this.open?.workflowId;
    throw badInput({
      code: 'decide.parent',
      message: id
        ? 'a migration decides nothing, the phase that is open does'
        : 'no phase is open: there is nothing to decide',
      remedy: id ? `Send decide to the open phase: --workflow-id ${id}` : 'Ask status what comes next.',
    });
  }

  private hear(input: unknown): void {
    const heard = parseTold(input);
    if (!heard.ok || heard.value.status.workflowId !== this.open?.workflowId) return;
    this.child = heard.value.status;
    this.childDetails = heard.value.details;
    this.changed(heard.value.status.asOf);
  }

  private note(text: string): void {
    this.notes = [...this.notes.slice(-9), `${new Date().toISOString()} ${text}`];
  }

  private status(): MigrationStatus {
    const { workflowId } = workflowInfo();
    const over = this.state !== 'running';
    const phases = this.phases.map(({ phase, state }) => {
      if (phase !== this.open?.phase) return { phase, state };
      return { phase, state: this.child?.state ?? (over && this.at === phase ? this.state : state) };
    });
    return {
      planHash: '',
      step: null,
      progress: [],
      checkpoint: null,
      wayBack: { open: true, because: 'no phase is open' },
      failure: null,
      window: null,
      risk: null,
      ...(this.child ?? {}),
      plan: this.request.plan,
      phase: this.open?.phase ?? '',
      workflowId,
      asOf: this.knownAt,
      ...(this.failure ? { failure: this.failure, step: this.failure.step, planHash: unknown } : {}),
      state: over ? this.state : this.failure ? 'parked' : (this.child?.state ?? 'running'),
      next: over || this.parking ? this.ownCommands().map(onOneLine) : (this.child?.next ?? []),
      notes: [...(this.child?.notes ?? []), ...this.notes],
      phases,
    };
  }

  private changed(asOf = new Date().toISOString()): void {
    this.knownAt = asOf;
    const status = this.status();
    const memo = JSON.stringify({ ...status, asOf: null });
    if (memo !== this.shownMemo) upsertMemo({ status });
    this.shownMemo = memo;
    this.shownAttributes = showAttributes(this.attributes, status, this.shownAttributes);
    setCurrentDetails(this.details(status));
  }

  private ownCommands(): Command[] {
    if (this.restart) return [this.restart];
    const { workflowId, namespace } = workflowInfo();
    return this.parking ? resolveCommands({ workflowId, namespace }, this.parking) : [];
  }

  private details(status: MigrationStatus): string {
    const open = this.open ? `Open: \`${this.open.workflowId}\`` : '';
    const head = `**${status.plan}**: **${status.state}**`;
    const phases = status.phases.map(({ phase, state }) => `- ${phase}: ${state}`).join('\n');
    // a command that is cut would not work: what does not fit is left out whole
    const own = this.failure
      ? [
          `- ${this.failure.message}`,
          `- ${this.failure.remedy}`,
          ...this.ownCommands().map((one) => told(one, 'Once that is mended, type this to')),
        ]
      : [];
    const parts = [head, ...own, open, this.child ? this.childDetails : '', phases].filter(
      (text) => text !== '',
    );
    return parts.reduce((all, part) => (all.length + part.length + 2 <= 4000 ? `${all}\n\n${part}` : all));
  }
}
