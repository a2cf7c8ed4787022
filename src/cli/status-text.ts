import type { TableProgress } from '../decisions/status.js';
import { isUndo } from '../postgres/ownership.js';
import type { DatabaseStatus, PhaseNow } from '../report/database-status.js';
import { countedApprovals, isApproved, type NextCommand } from '../report/next-commands.js';
import type { MemoStatus, TemporalStatus } from '../report/temporal-status.js';
import { clock, columns, duration, heading, number, plural, wrap } from './layout.js';
import { preflightNotesText, workflowNotesText } from './notes-text.js';

export interface StatusReport {
  connection: string;
  database: DatabaseStatus;
  /** null where there is no workflow to ask for */
  temporal: TemporalStatus | null;
  next: NextCommand[];
}

/** The answer to "where is it?" first, then what to type, then all else. */
export function statusText(report: StatusReport): string {
  const { database, temporal, next } = report;
  const { current, asOf } = database;
  if (current === null) {
    const why = database.plan === null ? 'no phase has begun on it: schema rekey is not there, or empty' : '';
    // asked for with --workflow-id: a start that no worker has taken up yet leaves nothing in the database
    const asked = temporal ? wrap('Temporal', temporalText(temporal), 2, 10) : '';
    return `${[`${database.database}: ${why}`, asked, endedText(temporal), nextText(next)].filter(Boolean).join('\n\n')}\n`;
  }
  const parts = [
    headline(report, current),
    facts(report, current, asOf),
    failureText(current, temporal, asOf),
    endedText(temporal),
    endOf(report) === null ? gateText(current, asOf) : '',
    progressText(current.progress),
    waitsText(database),
    nextText(next),
    phasesText(database, asOf),
    preflightNotesText(current.notes),
    workflowNotesText(temporal?.answer?.memo?.notes ?? [], current.notes),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function headline(report: StatusReport, current: PhaseNow): string {
  const { database } = report;
  const risk = current.planned?.risk ? ` (risk: ${current.planned.risk})` : '';
  return `${database.database}: phase ${current.row.phase}${risk} of plan ${current.row.plan}: ${stateOf(report, current)}`;
}

/** The state of an open phase's own workflow that has ended, so that nobody waits there; null where it has not. */
function endOf({ database, temporal }: StatusReport): string | null {
  const { answer, workflowId } = temporal ?? {};
  if (!answer || workflowId !== database.owner?.workflowId || answer.state === 'RUNNING') return null;
  return database.current?.row.state === 'open' ? (answer.state ?? 'unknown to Temporal') : null;
}

/** What the workflow that runs says of this phase. */
function liveOf(temporal: TemporalStatus | null, phase: string): MemoStatus | null {
  const memo = temporal?.answer?.state === 'RUNNING' ? temporal.answer.memo : null;
  return memo?.phase === phase ? memo : null;
}

/** By the database; what the workflow says is told where it says more. */
function stateOf(report: StatusReport, current: PhaseNow): string {
  const { temporal } = report;
  const { row, gate, paused } = current;
  const { phases } = report.database;
  const done = phases.filter((p) => p.state === 'done').length;
  if (row.state !== 'open')
    return `${row.state === 'done' ? 'done' : 'rolled back'}, ${done} of ${plural(phases.length, 'phase')} ${done === 1 ? 'is' : 'are'} done`;
  const end = endOf(report);
  if (end !== null) return `STOPPED${gate ? ` at ${gate.gate}` : ''}: its workflow is ${end}`;
  const live = liveOf(temporal, row.phase);
  if (gate?.parked) return `PARKED at ${gate.gate}`;
  if (live?.failure) return `PARKED at ${live.failure.step}`;
  // approved, it stays open in the journal until what it allows has committed
  if (gate && !isApproved(current)) return `waiting for approval at ${gate.gate}`;
  if (live && live.state !== 'running') return live.state.replaceAll('-', ' ');
  if (gate) return `${paused ? 'paused, ' : ''}approved at ${gate.gate}`;
  if (paused) return 'paused';
  const isHeld = current.last?.held || live?.notes.some((note) => note.startsWith('held: '));
  return isHeld ? 'open, and held by the throttle' : 'open';
}

function facts({ database, temporal }: StatusReport, current: PhaseNow, asOf: Date): string {
  const { last, running, paused, wayBack, metrics, row, findings } = current;
  const lines: [string, string][] = [
    ['as of', clock(asOf, new Date())],
    ['hash', row.planHash],
  ];
  if (last?.held) lines.push(['held', `${last.step ?? ''}, since ${clock(last.at, asOf)}: ${last.held}`]);
  if (running)
    lines.push([
      'running',
      `${running.step ?? ''}: ${running.object ?? 'a statement'}, for ${duration((asOf.getTime() - running.since.getTime()) / 1000)}`,
    ]);
  else if (last) lines.push(['last', `${last.step ?? 'nothing'}, at ${clock(last.at, asOf)}`]);
  if (paused) lines.push(['paused', `by ${paused.by} at ${clock(paused.at, asOf)}`]);
  lines.push(['way back', `${wayBack.open ? 'open' : 'CLOSED'}: ${wayBack.because}`]);
  const lock = metrics.longestLockMs;
  lines.push([
    'locks',
    lock > 0
      ? `longest so far ${duration(lock / 1000)} (${metrics.longestLockStep})`
      : 'none was held so far',
  ]);
  lines.push([
    'so far',
    `${plural(metrics.statements, 'statement')}, ${plural(metrics.rows, 'row')} mapped, ${duration(metrics.seconds)}`,
  ]);
  if (findings > 0) lines.push(['findings', `${number(findings)}: rekey findings shows them, with examples`]);
  const { owner } = database;
  if (owner)
    lines.push([
      'owner',
      isUndo(owner)
        ? `${owner.workflowId}, which runs or was interrupted`
        : `workflow ${owner.workflowId} in namespace ${owner.namespace}`,
    ]);
  if (temporal) lines.push(['Temporal', temporalText(temporal)]);
  return lines.map(([label, text]) => wrap(label, text, 2, 10)).join('\n');
}

function temporalText({ address, answer, workflowId, silence }: TemporalStatus): string {
  if (answer === null) {
    const set =
      silence?.kind === 'no-answer' ? '' : ': set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE to where it runs';
    return `${silence?.words}${set}; all of this is from PostgreSQL, and the commands below need Temporal`;
  }
  const workers =
    answer.workers === null
      ? ''
      : answer.workers === 0
        ? '; NO WORKER polls the task queue: start one with rekey worker'
        : `; ${plural(answer.workers, 'worker')} polled in the last minute`;
  if (answer.state === null) return `at ${address} knows no workflow ${workflowId}${workers}`;
  const pending = answer.pending.map((p) =>
    p.attempt > 1 ? `${p.activity}, attempt ${p.attempt}` : p.activity,
  );
  // one failed task is a worker that was stopped
  const failed =
    answer.failedTasks > 1
      ? `; a workflow task has failed ${answer.failedTasks} times: see the worker's log`
      : '';
  return `${workflowId} is ${answer.state}${pending.length ? `, working on ${pending.join(', ')}` : ''}${failed}${workers}`;
}

/** A journal that could not be reached has an older failure, or none: then the workflow knows. */
function failureText(
  { failure: journalled, row }: PhaseNow,
  temporal: TemporalStatus | null,
  asOf: Date,
): string {
  const told = liveOf(temporal, row.phase)?.failure ?? null;
  const isOld = told !== null && (told.code !== journalled?.code || told.step !== journalled?.step);
  const failure = isOld ? told : journalled;
  if (!failure) return '';
  const at = isOld ? '' : `, at ${clock((journalled as NonNullable<typeof journalled>).at, asOf)}`;
  return [
    heading(`What failed: ${failure.step}${at}`),
    wrap('what', failure.message),
    wrap('do', failure.remedy),
    wrap('code', failure.code),
  ].join('\n');
}

/** A workflow that has ended in the middle, in its own last words: nothing there hears a signal any more. */
function endedText(temporal: TemporalStatus | null): string {
  const { state, memo } = temporal?.answer ?? { state: null, memo: null };
  if (state === null || state === 'RUNNING' || !memo?.failure) return '';
  const { step, message, remedy, code } = memo.failure;
  return [
    heading(`The workflow has ended ${state}: ${step}`),
    wrap('what', message),
    wrap('do', remedy),
    wrap('code', code),
  ].join('\n');
}

function gateText(current: PhaseNow, asOf: Date): string {
  const { gate, planned, decisions } = current;
  if (!gate || gate.parked) return '';
  const checkpoint = planned?.checkpoints.find((c) => c.checkpoint === gate.gate);
  const counted = countedApprovals(current);
  const names = counted.map((a) => a.by).join(', ') || 'nobody yet';
  const lines = [
    heading(`Checkpoint ${gate.gate}, opening ${gate.opening}, since ${clock(gate.openedAt, asOf)}`),
    wrap('approved', `${counted.length} of ${checkpoint?.approvals ?? 1}, by ${names}`, 2, 10),
  ];
  if (checkpoint?.from.length) lines.push(wrap('by one of', checkpoint.from.join(', '), 2, 10));
  if (gate.deadline) {
    const onTimeout = checkpoint?.onTimeout === 'escalate' ? 'escalates' : 'rolls back';
    lines.push(wrap('until', `${clock(gate.deadline, asOf)}, then it ${onTimeout}`, 2, 10));
  }
  for (const [i, item] of (checkpoint?.checklist ?? []).entries())
    lines.push(wrap(i === 0 ? 'tick off' : '', item, 2, 10));
  for (const d of decisions.filter((one) => one.verdict !== 'counted'))
    lines.push(wrap('ignored', `${d.decision} by ${d.by ?? 'nobody'}: ${d.verdict}`, 2, 10));
  return lines.join('\n');
}

function progressText(progress: TableProgress[]): string {
  if (progress.length === 0) return '';
  const total = progress.reduce((n, t) => n + t.rowsTotal, 0);
  const done = progress.reduce((n, t) => n + t.rowsDone, 0);
  const open = progress.filter((t) => t.secondsLeft !== 0);
  const title = `Mapped: ${number(done)} of ${number(total)} rows, ${plural(progress.length - open.length, 'table')} of ${progress.length} done`;
  if (open.length === 0) return heading(title);
  const rows = open.map((t) => [
    t.table,
    `${number(t.rowsDone)} of ${number(t.rowsTotal)}`,
    `${t.rowsTotal > 0 ? Math.floor((100 * t.rowsDone) / t.rowsTotal) : 0}%`,
    t.rowsPerSecond > 0 ? `${number(t.rowsPerSecond)} rows/s` : 'not begun',
    t.secondsLeft === null ? '' : `${duration(t.secondsLeft)} left`,
  ]);
  return `${heading(title)}\n${columns(rows, [1, 2, 3])}`;
}

function waitsText({ waits }: DatabaseStatus): string {
  if (waits.length === 0) return '';
  const lines = waits.map((w) => {
    const age = w.blockerSeconds === null ? '' : `, its transaction is ${duration(w.blockerSeconds)} old`;
    return wrap(
      '',
      `${w.waiter || 'a client'} (pid ${w.waiterPid}) has waited ${duration(w.seconds)} for ${w.blocker || 'a client'} (pid ${w.blockerPid}, ${w.blockerState ?? 'unknown'}${age})`,
      2,
      0,
    );
  });
  return `${heading('What waits for a lock')}\n${lines.join('\n')}`;
}

/** Commands stand alone on their lines and are never broken: they are to be pasted. */
function nextText(next: NextCommand[]): string {
  if (next.length === 0) return '';
  const lines = next.map(({ does, command }) => `${does ? `# ${does}\n` : ''}${command}`);
  return `${heading('Type next')}\n${lines.join('\n\n')}`;
}

function phasesText({ phases }: DatabaseStatus, asOf: Date): string {
  const rows = phases.map((p) => [
    p.phase,
    p.planHash,
    p.state === 'new' ? 'to come' : p.state === 'open' && p.cutOver ? 'open, keys are swapped' : p.state,
    p.startedAt ? `${clock(p.startedAt, asOf)}${p.finishedAt ? ` to ${clock(p.finishedAt, asOf)}` : ''}` : '',
  ]);
  return `${heading('Phases of the plan')}\n${columns(rows)}`;
}
