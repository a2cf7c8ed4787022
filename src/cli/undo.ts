import type { Command } from 'commander';
import { wayBackNow } from '../../activities/way-back.js';
import { RekeyError } from '../errors.js';
import { isUndo } from '../postgres/ownership.js';
import type { DatabaseStatus, ListedPhase } from '../report/database-status.js';
import { readDatabaseStatus } from '../report/database-status.js';
import { readStanding, type Standing } from '../report/standing.js';
import type { TemporalStatus } from '../report/temporal-status.js';
import { noWayBack, whatKeepsFromUndo } from '../report/way-back.js';
import { onDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { toldToTypeAgain } from './failure.js';
import { onInterrupt } from './interrupt.js';
import { columns, plural, wrap } from './layout.js';
import { print } from './output.js';

interface UndoFlags {
  by?: string;
  yes?: boolean;
  temporalIsGone?: boolean;
  foundation?: boolean;
  json?: boolean;
}

export function addUndo(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('undo')
    .description(
      'the last resort, without Temporal: every phase back, the newest first, from what stands in the database; without --yes only says what it would do',
    )
    .argument('<connection>', 'name of a connection')
    .option('--yes', 'do it')
    .option('--by <name>', 'who does it, for the journal')
    .option('--temporal-is-gone', 'no Temporal server will ever go on with the run that owns the database')
    .option('--foundation', 'the schema rekey goes, too, its journal exported into REKEY_BACKUPS before')
    .option('--json', 'for machines')
    .action(async (connection: string, flags: UndoFlags) => {
      const { database, standing } = await onDatabase(connection, async (session) => ({
        database: await readDatabaseStatus(session, wayBackNow),
        standing: await readStanding(session, wayBackNow),
      }));
      const phases = toUndo(database, flags);
      // an undo that died behind its last phase has still to let go of the database
      if (phases.length === 0 && !(database.owner && isUndo(database.owner))) {
        print(flags.json ? { phases: [] } : `${database.database}: nothing of Rekey's is to be undone.\n`);
        return done(exitCodes.fine);
      }
      refuseDropped(standing);
      await refuseLiveOwner(database, flags);
      if (!flags.yes) {
        print(flags.json ? { would: phases } : plannedText(database, phases, standing, connection, flags));
        return done(exitCodes.fine);
      }
      if (!flags.by?.trim()) throw nameless();
      // its steps reach the client programs and hooks, which no other command needs
      const { undoAll } = await import('../../activities/undo-all.js');
      const say = (text: string) => void process.stderr.write(`${text}\n`);
      const undone = await undoAll({
        connection,
        by: flags.by.trim(),
        foundation: flags.foundation ?? false,
        signal: onInterrupt(interrupted()),
        say,
      }).catch((error) => {
        throw toldToTypeAgain(error);
      });
      print(
        flags.json
          ? undone
          : `${database.database}: ${plural(undone.phases.length, 'phase')} undone${undone.foundation ? ', the schema rekey dropped' : '; the schema rekey stays, with mapping and journal'}.\n`,
      );
      done(exitCodes.fine);
    });
}

/** Newest first. */
function toUndo(database: DatabaseStatus, { foundation }: UndoFlags): ListedPhase[] {
  return database.phases
    .filter((p) => p.state === 'open' || p.state === 'done')
    .filter((p) => p.kind !== 'foundation' || foundation)
    .reverse();
}

/** Said before anything else is asked for: after cleanup's first drop a cancel of its workflow has no effect. */
function refuseDropped({ phases }: Standing): void {
  const closed = whatKeepsFromUndo(phases.filter((p) => p.kind === 'cleanup'));
  if (closed) throw noWayBack(closed.phase, closed.wayBack.because);
}

/** Two at one database would undo what the other does. */
async function refuseLiveOwner({ owner }: DatabaseStatus, { temporalIsGone }: UndoFlags): Promise<void> {
  // an earlier undo that was interrupted
  if (owner === null || isUndo(owner)) return;
  // the client takes a while to load
  const { readTemporalStatus } = await import('../report/temporal-status.js');
  const found: TemporalStatus = await readTemporalStatus(owner);
  if (found.answer === null) {
    if (!temporalIsGone) throw silent(found);
  } else if (found.answer.state === 'RUNNING') throw running(found);
}

function plannedText(
  database: DatabaseStatus,
  phases: ListedPhase[],
  standing: Standing,
  connection: string,
  flags: UndoFlags,
): string {
  const closed = whatKeepsFromUndo(standing.phases);
  const rows = phases.map((p) => [
    p.phase,
    p.kind === 'foundation'
      ? 'the journal is exported, then the schema rekey goes'
      : p.kind === 'cleanup'
        ? 'nothing of it is to be taken out: nothing has been dropped yet'
        : p.cutOver
          ? 'its keys are swapped back to integers, with all that was written since; then its columns, twins and triggers go'
          : 'its columns, twins and triggers go; no key of it is swapped',
  ]);
  const again = ['rekey undo', connection, '--by "$(id -un)"']
    .concat(flags.foundation ? ['--foundation'] : [], flags.temporalIsGone ? ['--temporal-is-gone'] : [], [
      '--yes',
    ])
    .join(' ');
  return `${[
    `${database.database}: would be undone, the newest first. Nothing was changed.`,
    rows.length > 0
      ? columns(rows)
      : '  no phase: all are rolled back, and the undo has to let go of the database',
    ...(closed ? [wrap('but', `${closed.phase} can NOT go back: ${closed.wayBack.because}`, 2, 10)] : []),
    ...(phases.some((p) => p.cutOver)
      ? [
          wrap(
            'clients',
            'Each swap back changes the type of keys: stop or prepare clients as for a cutover. The hooks before-swap-back and after-swap-back of the plan run.',
            2,
            10,
          ),
        ]
      : []),
    ...(flags.foundation
      ? []
      : [wrap('stays', 'the schema rekey with mapping and journal; --foundation drops it, too', 2, 10)]),
    wrap('type', again, 2, 10),
  ].join('\n\n')}\n`;
}

function interrupted(): RekeyError {
  return new RekeyError('StepFailed', {
    code: 'undo.interrupted',
    message: 'the undo was interrupted',
    remedy: 'Type the same command again: it goes on where it stopped.',
  });
}

function nameless(): RekeyError {
  return new RekeyError('BadInput', {
    code: 'undo.nameless',
    message: 'the journal has to say who undid it',
    remedy: 'Add --by with your name.',
  });
}

function silent({ address, workflowId, silence }: TemporalStatus): RekeyError {
  if (silence?.kind !== 'no-answer')
    return new RekeyError('BadInput', {
      code: 'undo.other-temporal',
      message: `the workflow ${workflowId} owns the database and may run; Temporal ${silence?.words}`,
      remedy:
        'Set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE to where it runs, and roll back there. If that server is gone for good, end its workers and add --temporal-is-gone.',
    });
  return new RekeyError('Transient', {
    code: 'temporal.no-answer',
    message: `the workflow ${workflowId} owns the database, and no Temporal server answers at ${address} to say whether it still runs`,
    remedy:
      'Set TEMPORAL_ADDRESS, or start the server, and roll back there. If it is gone for good, end its workers and add --temporal-is-gone.',
  });
}

function running({ workflowId, namespace }: TemporalStatus): RekeyError {
  return new RekeyError('BadInput', {
    code: 'undo.owner-runs',
    message: `the workflow ${workflowId} owns the database and runs`,
    remedy: `It can undo its phase itself: temporal workflow cancel --namespace ${namespace} --workflow-id ${workflowId}; then type the same command again.`,
  });
}
