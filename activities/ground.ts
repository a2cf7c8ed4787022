import type { Work } from '../src/catalog/kind.js';
import { RekeyError } from '../src/errors.js';
import { readDocument, storeDocument } from '../src/postgres/documents.js';
import {
  type FingerprintDifference,
  fingerprintDifference,
  namesOf,
  type OwnObjects,
  readFingerprint,
} from '../src/postgres/fingerprint.js';
import { readPhase } from '../src/postgres/phases.js';
import { judgeDifference, keepOthers, type MovedColumn } from '../src/postgres/taken-along.js';
import type { PhaseWork } from './phase-work.js';

/** What looking at the ground takes: a step has it, and so has who only wants to know whether the way back is open. */
export type Ground = Pick<PhaseWork, 'session' | 'catalog' | 'view' | 'statements'> & {
  ref: { phase: string };
};

/**
 * The ground on which a phase stands: all that hangs on its tables, without what Rekey itself put there. Preflight keeps
 * it, the cutover compares it under its locks and keeps the new one, the way back compares that.
 */
export async function groundOf(work: Ground, moment: 'before' | 'after'): Promise<string> {
  const { lines } = await readLines(work, moment);
  return storeDocument(work.session, 'fingerprint', JSON.stringify(lines));
}

/**
 * Throws SchemaMoved with what others made, dropped or changed since, where it names a key or a reference of the phase, or
 * is of a kind that nobody has looked at; what names none goes along, and is kept for the dumps to be compared by.
 */
export async function compareGround(work: Ground, moment: 'before' | 'after'): Promise<void> {
  const { session, ref } = work;
  const judged = await judgeGround(work, moment);
  if (judged === null) return;
  await keepOthers(session, ref.phase, judged.along);
  if (judged.refused === null) return;
  throw new RekeyError('SchemaMoved', {
    code: 'schema.moved',
    message: `the schema was changed since ${moment === 'before' ? 'preflight' : 'the cutover'}: ${inWords(judged.refused)}`,
    remedy:
      moment === 'before'
        ? 'Take the change back and resolve with retry, or roll the phase back and start it again.'
        : 'Take the change back (drop what was made on the new keys), then resolve with retry.',
    where: ref.phase,
  });
}

/** Tables whose keys later phases move, so that what hangs on them is not as this phase's cutover left it. */
export interface MovedLater {
  oids: number[];
  tables: string[];
}

/**
 * What closes the way back of a phase whose keys are swapped, in words; null where nothing does. While later phases stand,
 * only what hangs on none of their tables counts: the rest may be their own work, and is looked at when they are back.
 * Writes nothing.
 */
export async function whatClosesTheWayBack(work: Ground, later: MovedLater): Promise<string | null> {
  const difference = await differenceOf(work, 'after');
  if (difference === null) return null;
  const found = later.oids.length > 0 ? await withoutLater(work, difference.found, later) : difference.found;
  const judged = await judge(work, { ...difference, found }, 'back');
  return judged.refused && inWords(judged.refused);
}

/** Of what is gone only a name with its table in it tells where it was. */
const namesItsTable = /^(?:(?:column|constraint|trigger|policy|rule) .* on|table) (.*)$/;

async function withoutLater(
  { session }: Ground,
  { appeared, gone, changed }: FingerprintDifference,
  later: MovedLater,
): Promise<FingerprintDifference> {
  const { lines } = await readFingerprint(session, later.oids);
  const theirs = new Set(namesOf(lines));
  const tables = new Set(later.tables);
  return {
    appeared: appeared.filter((name) => !theirs.has(name)),
    gone: gone.filter((name) => {
      const table = namesItsTable.exec(name)?.[1];
      return table !== undefined && !tables.has(table);
    }),
    changed: changed.filter((name) => !theirs.has(name)),
  };
}

/**
 * Before anything is undone of a phase whose keys were never swapped: whatever others did stays as they left it, and
 * the dump of before the phase has to be compared without it.
 */
export async function keepOthersBeforeUndo(work: PhaseWork): Promise<void> {
  // after a swap back it is forgotten, and what others did since the cutover is kept already
  if (work.record.cutOver || !work.record.fingerprint) return;
  const difference = await differenceOf(work, 'before');
  if (difference === null) return;
  const { appeared, gone, changed } = difference.found;
  await keepOthers(work.session, work.ref.phase, [...appeared, ...gone, ...changed]);
}

async function judgeGround(work: Ground, moment: 'before' | 'after') {
  const difference = await differenceOf(work, moment);
  return difference && judge(work, difference, moment === 'before' ? 'forward' : 'back');
}

function judge(work: Ground, difference: Difference, direction: 'forward' | 'back') {
  return judgeDifference(
    work.session,
    difference.found,
    movedColumns(work),
    [...difference.kept, ...difference.lines],
    direction,
  );
}

interface Difference {
  found: FingerprintDifference;
  kept: string[];
  lines: string[];
}

/** Null where nothing differs. A kill between the cutover's commit and the next statement leaves nothing to compare with. */
async function differenceOf(work: Ground, moment: 'before' | 'after'): Promise<Difference | null> {
  const { session, ref } = work;
  const hash = (await readPhase(session, ref.phase))?.fingerprint;
  const document = hash ? await readDocument(session, hash) : null;
  if (document === null && moment === 'after') return null;
  if (document === null) {
    throw new RekeyError('StepFailed', {
      code: 'phase.no-fingerprint',
      message: `schema rekey has no fingerprint of ${ref.phase}: preflight was not run to its end`,
      remedy: 'Roll the phase back and start it again.',
      where: ref.phase,
    });
  }
  const kept = JSON.parse(document) as string[];
  const { lines } = await readLines(work, moment);
  const found = fingerprintDifference(kept, lines);
  return found && { found, kept, lines };
}

function movedColumns({ view }: Ground): MovedColumn[] {
  return view.substitution.members.map((m) => ({
    schema: view.schemaOf(m.table),
    table: view.nameOf(m.table),
    names: [...new Set([m.before, m.shadow, m.after, m.legacy])].filter((name) => name !== null),
  }));
}

function readLines(work: Ground, moment: 'before' | 'after') {
  const { addColumns, buildTwins, beforeSwapBack } = work.statements;
  const own = moment === 'before' ? [...addColumns.up, ...buildTwins.up] : beforeSwapBack;
  return readFingerprint(work.session, oidsOf(work), ownObjects(own, work, moment));
}

export function oidsOf(work: Pick<Ground, 'catalog' | 'view'>): number[] {
  return work.catalog.tables.filter((t) => work.view.substitution.tables.includes(t.id)).map((t) => t.oid);
}

/** What Rekey makes is what its own work expects to see. After the cutover the name of a shadow is free, for anybody. */
function ownObjects(list: Work[], work: Ground, moment: 'before' | 'after'): OwnObjects {
  const seen = list.flatMap((w) => (w.done?.present ? [w.done] : []));
  const { members } = work.view.substitution;
  const shadows = moment === 'before' ? members : members.filter((m) => m.shadow === m.after);
  return {
    columns: shadows.map((m) => ({
      schema: work.view.schemaOf(m.table),
      table: work.view.nameOf(m.table),
      column: m.shadow,
    })),
    indexes: seen.flatMap((o) => (o.see === 'index' ? [{ schema: o.schema, index: o.name }] : [])),
    constraints: seen.flatMap((o) =>
      o.see === 'constraint' ? [{ schema: o.schema, table: o.table, constraint: o.name }] : [],
    ),
    statistics: seen.flatMap((o) =>
      o.see === 'statistics' ? [{ schema: o.schema, statistics: o.name }] : [],
    ),
  };
}

function inWords({ appeared, gone, changed }: FingerprintDifference): string {
  // a table with another name has all of its columns anew: what tells most comes first
  const first = (name: string) => (/^(table|child) /.test(name) ? 0 : 1);
  const part = (list: string[], what: string) => {
    const names = [...list].sort((a, b) => first(a) - first(b));
    return names.length
      ? [`${what} ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`]
      : [];
  };
  return [...part(appeared, 'new:'), ...part(gone, 'gone:'), ...part(changed, 'changed:')].join('; ');
}
