import type { Work } from '../src/catalog/kind.js';
import { RekeyError } from '../src/errors.js';
import { readDocument, storeDocument } from '../src/postgres/documents.js';
import {
  type FingerprintDifference,
  fingerprintDifference,
  type OwnObjects,
  readFingerprint,
} from '../src/postgres/fingerprint.js';
import { readPhase } from '../src/postgres/phases.js';
import type { PhaseWork } from './phase-work.js';

/**
 * The ground on which a phase stands: all that hangs on its tables, without what Rekey itself put there. Preflight keeps
 * it, the cutover compares it under its locks and keeps the new one, the way back compares that.
 */
export async function groundOf(work: PhaseWork, moment: 'before' | 'after'): Promise<string> {
  const { lines } = await readLines(work, moment);
  return storeDocument(work.session, 'fingerprint', JSON.stringify(lines));
}

/** Throws SchemaMoved with the difference where something was made, dropped or changed since. */
export async function compareGround(work: PhaseWork, moment: 'before' | 'after'): Promise<void> {
  const { session, ref } = work;
  const hash = (await readPhase(session, ref.phase))?.fingerprint;
  const kept = hash ? await readDocument(session, hash) : null;
  // a kill between the cutover's commit and the next statement leaves none: then there is nothing to compare with
  if (kept === null && moment === 'after') return;
  if (kept === null) {
    throw new RekeyError('StepFailed', {
      code: 'phase.no-fingerprint',
      message: `schema rekey has no fingerprint of ${ref.phase}: preflight was not run to its end`,
      remedy: 'Roll the phase back and start it again.',
      where: ref.phase,
    });
  }
  const { lines } = await readLines(work, moment);
  const difference = fingerprintDifference(JSON.parse(kept) as string[], lines);
  if (difference === null) return;
  throw new RekeyError('SchemaMoved', {
    code: 'schema.moved',
    message: `the schema was changed since ${moment === 'before' ? 'preflight' : 'the cutover'}: ${inWords(difference)}`,
    remedy:
      moment === 'before'
        ? 'Take the change back and resolve with retry, or roll the phase back and start it again.'
        : 'Take the change back (drop what was made on the new keys), then resolve with retry.',
    where: ref.phase,
  });
}

function readLines(work: PhaseWork, moment: 'before' | 'after') {
  const { addColumns, buildTwins, beforeSwapBack } = work.statements;
  const own = moment === 'before' ? [...addColumns.up, ...buildTwins.up] : beforeSwapBack;
  return readFingerprint(work.session, oidsOf(work), ownObjects(own, work));
}

export function oidsOf(work: PhaseWork): number[] {
  return work.catalog.tables.filter((t) => work.view.substitution.tables.includes(t.id)).map((t) => t.oid);
}

/** What Rekey makes is what its own work expects to see. */
function ownObjects(list: Work[], work: PhaseWork): OwnObjects {
  const seen = list.flatMap((w) => (w.done?.present ? [w.done] : []));
  return {
    columns: work.view.substitution.members.map((m) => ({
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
  const part = (names: string[], what: string) =>
    names.length
      ? [`${what} ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`]
      : [];
  return [...part(appeared, 'new:'), ...part(gone, 'gone:'), ...part(changed, 'changed:')].join('; ');
}
