import type { Command } from 'commander';
import { wayBackNow } from '../../activities/way-back.js';
import { quoteIdent } from '../catalog/quote.js';
import { isUndo } from '../postgres/ownership.js';
import { type DatabaseStatus, readDatabaseStatus } from '../report/database-status.js';
import { readStanding, type Standing, type StandingPhase } from '../report/standing.js';
import type { TemporalStatus } from '../report/temporal-status.js';
import { isCleanedUp, isOnlyOrder, whatKeepsFromUndo } from '../report/way-back.js';
import { onDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { bytes, columns, duration, heading, number, plural, wrap } from './layout.js';
import { print } from './output.js';

interface Examined {
  database: DatabaseStatus;
  standing: Standing;
  temporal: TemporalStatus | null;
}

export function addDoctor(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('doctor')
    .description(
      'what of Rekey stands in a database, whose it is, what is half-way, what can be undone and how; needs no Temporal, changes nothing',
    )
    .argument('<connection>', 'name of a connection')
    .option('--json', 'for machines')
    .action(async (connection: string, options: { json?: boolean }) => {
      const found = await onDatabase(connection, async (session) => ({
        database: await readDatabaseStatus(session, wayBackNow),
        standing: await readStanding(session, wayBackNow),
      }));
      const { owner } = found.database;
      // the client takes a while to load
      const { readTemporalStatus } = await import('../report/temporal-status.js');
      const temporal = owner && !isUndo(owner) ? await readTemporalStatus(owner) : null;
      const examined = { ...found, temporal };
      const ills = illsOf(examined);
      print(options.json ? { ...examined, ills } : doctorText(connection, examined, ills));
      done(ills.length > 0 ? exitCodes.problems : exitCodes.fine);
    });
}

/** What is not as a migration that goes its way would leave it. */
function illsOf({ database, standing, temporal }: Examined): string[] {
  const { current, owner } = database;
  const open = current?.row.state === 'open';
  const ended = temporal?.answer && temporal.answer.state !== 'RUNNING';
  const disabled = standing.triggers.filter((t) => t.disabled.length > 0);
  return [
    ...(open && (owner === null || ended || isUndo(owner))
      ? [`phase ${current.row.phase} is open, and no workflow works on it`]
      : []),
    ...(open && temporal !== null && temporal.answer === null
      ? [
          temporal.silence?.kind === 'no-answer'
            ? `phase ${current.row.phase} is open, and Temporal does not answer at ${temporal.address}: whether a workflow works on it is not known`
            : `phase ${current.row.phase} is open, and Temporal ${temporal.silence?.words}: whether a workflow works on it is not known`,
        ]
      : []),
    ...disabled.map(
      (t) =>
        `${t.disabled.join(', ')} on ${t.table}: not ENABLE ALWAYS, so that rows are written past Rekey; alter table ${t.table} ${t.disabled.map((name) => `enable always trigger ${quoteIdent(name)}`).join(', ')}, then let the phase validate`,
    ),
    // between a column and its trigger in either direction there is a moment
    ...standing.phases
      .filter((p) => p.state !== 'rolled-back' && !(p.state === 'open' && isMaking(current)))
      .flatMap((p) =>
        p.withoutTrigger.map((table) =>
          p.cutOver
            ? `the sync trigger of ${p.phase} on ${table} is gone, so that its legacy columns lag behind what clients write: a way back makes it again and puts them right before it swaps`
            : `the sync trigger of ${p.phase} on ${table} is gone, so that rows are written past Rekey: roll the phase back and start it again`,
        ),
      ),
    ...standing.invalidIndexes.map(
      (i) =>
        `index ${i.index} on ${i.table} is not valid; where it is Rekey's, the next try of buildTwins or an undo drops it`,
    ),
    ...standing.phases
      .filter((p) => p.kind === 'tables' && p.state === 'done' && !p.cutOver)
      .map(
        (p) =>
          `phase ${p.phase} is done, and its keys are not swapped: the database was taken back to before its cutover; rekey undo takes out what is left of it`,
      ),
    ...standing.phases
      .filter((p) => p.state === 'rolled-back' && p.columns > 0)
      .map(
        (p) =>
          `phase ${p.phase} is rolled back, and ${plural(p.columns, 'column')} of it are still there: if its state in rekey.phase was changed by hand, set it to what it was, and rekey undo takes them out`,
      ),
    ...standing.phases
      .filter((p) => p.kind === 'tables' && p.state !== 'rolled-back' && p.cutOver)
      .filter(({ wayBack }) => !wayBack.open && !isOnlyOrder(wayBack) && !isCleanedUp(wayBack))
      .map((p) => `the way back of phase ${p.phase} is closed: ${p.wayBack.because}`),
  ];
}

/** Its last step adds or drops columns. */
function isMaking(current: DatabaseStatus['current']): boolean {
  return ['addColumns', 'dropColumns'].includes(current?.last?.step ?? '');
}

function doctorText(connection: string, examined: Examined, ills: string[]): string {
  const { database, standing } = examined;
  if (standing.schema === null)
    return `${[`${database.database}: nothing of Rekey stands in it.`, sessionsText(standing)].filter(Boolean).join('\n\n')}\n`;
  const parts = [
    `${database.database}: ${ills.length === 0 ? 'what stands in it is as it should be' : plural(ills.length, 'thing is', 'things are')}${ills.length === 0 ? '' : ' not as it should be'}`,
    ...(ills.length > 0 ? [ills.map((ill) => wrap('-', ill, 2, 2)).join('\n')] : []),
    facts(examined, standing.schema),
    phasesText(standing),
    sessionsText(standing),
    wayOutText(connection, examined),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

function facts({ database, standing, temporal }: Examined, schema: NonNullable<Standing['schema']>): string {
  const { owner, current } = database;
  const running = current?.running;
  const lines: [string, string][] = [
    [
      'schema',
      `rekey, version ${schema.version}, ${bytes(schema.bytes)}, ${plural(schema.mappingRows, 'mapping row')}`,
    ],
    [
      'owner',
      owner === null ? 'none' : `${owner.workflowId}, namespace ${owner.namespace}${saidOf(temporal)}`,
    ],
    [
      'half-way',
      current?.row.state !== 'open'
        ? 'nothing'
        : `phase ${current.row.phase}, last step ${current.last?.step ?? 'none'}${running ? `; by the journal this has not ended: ${running.object ?? running.step}` : ''}`,
    ],
    [
      'triggers',
      `${number(standing.triggers.reduce((sum, t) => sum + t.triggers.length, 0))} on ${plural(standing.triggers.length, 'table')}`,
    ],
  ];
  return lines.map(([label, text]) => wrap(label, text, 2, 10)).join('\n');
}

function saidOf(temporal: TemporalStatus | null): string {
  if (temporal === null) return '';
  if (temporal.answer === null) return ` (Temporal ${temporal.silence?.words})`;
  return temporal.answer.state === null ? ' (Temporal does not know it)' : ` (${temporal.answer.state})`;
}

function phasesText({ phases }: Standing): string {
  if (phases.length === 0) return '';
  return `${heading('Phases that began')}\n${columns(phases.map((p, i) => [p.phase, p.state, standsOf(p), undoOf(p, phases.slice(i))]))}`;
}

function standsOf({ kind, cutOver, columns: count }: StandingPhase): string {
  if (kind !== 'tables') return '';
  if (count === 0) return 'no column of it stands';
  return cutOver
    ? `keys are UUIDs, ${plural(count, 'legacy column')} kept in step`
    : `keys are integers, ${plural(count, 'shadow column')} there`;
}

/** `later`: it, and the phases after it, which go back before it. */
function undoOf(phase: StandingPhase, later: StandingPhase[]): string {
  if (phase.state === 'rolled-back') return '';
  const closed = whatKeepsFromUndo(later);
  if (closed === null) return 'can be undone';
  return `can NOT be undone: ${closed.phase === phase.phase ? closed.wayBack.because : `${closed.phase} can't be`}`;
}

function sessionsText({ sessions }: Standing): string {
  if (sessions.length === 0) return '';
  const rows = sessions.map((s) => [
    String(s.pid),
    s.name,
    s.waits ? 'waits for a lock' : (s.state ?? ''),
    s.seconds === null ? '' : `for ${duration(Math.max(0, s.seconds))}`,
  ]);
  return `${heading("Sessions of Rekey's")}\n${columns(rows)}`;
}

function whereFrom(temporal: TemporalStatus | null): string {
  if (!temporal?.silence) return '';
  return temporal.silence.kind === 'no-answer' ? ', once Temporal answers' : ', at the Temporal that runs it';
}

function wayOutText(connection: string, { database, standing, temporal }: Examined): string {
  const open = standing.phases.filter((p) => p.kind === 'tables' && p.state !== 'rolled-back');
  const isFinished = database.phases.length > 0 && database.phases.every((p) => p.state === 'done');
  const lines: [string, string][] = isFinished
    ? []
    : [['go on', `rekey status ${connection} prints the commands`]];
  const closed = whatKeepsFromUndo(standing.phases);
  if (closed !== null) {
    lines.push(['undo', `nothing, as ${closed.phase} can not be undone: ${closed.wayBack.because}`]);
    if (standing.phases.some((p) => p.kind === 'cleanup' && p.phase === closed.phase))
      lines.push(['restore', 'a backup, into another database: rekey restore --help']);
  } else if (open.length > 0) {
    const gone = temporal !== null && temporal.answer === null ? ' --temporal-is-gone' : '';
    const { current } = database;
    const isHeard = temporal?.answer?.state === 'RUNNING' || temporal?.silence;
    if (current?.row.state === 'open' && isHeard)
      lines.push(['undo', `${current.row.phase} with a cancel of its workflow${whereFrom(temporal)}`]);
    else if (!(database.owner && isUndo(database.owner)))
      lines.push([
        'undo',
        `the newest phase with rollBackPhase${whereFrom(temporal)}: rekey status prints it`,
      ]);
    lines.push([
      'undo all',
      `without Temporal: rekey undo ${connection}${gone} says what it would do${database.owner && temporal?.answer?.state === 'RUNNING' ? ', once the owner is cancelled' : ''}`,
    ]);
  }
  if (lines.length === 0) return '';
  return `${heading('What can be done')}\n${lines.map(([label, text]) => wrap(label, text, 2, 10)).join('\n')}`;
}
