import type { Hazard } from '../../errors.js';
import type { PlainIndex } from '../../kinds/plain-index.js';
import type { UniqueKey } from '../../kinds/unique-key.js';
import type { TableId } from '../../plan/model.js';
import { ownSequence } from '../../substitution/own-sequence.js';
import { touchedObjects } from '../../substitution/statements.js';
import type { HazardContext } from './context.js';
import { seenStatements } from './statements-seen.js';

/** A unique twin beside its original refuses writes that the original alone would let through. */
export async function uniqueTwins(context: HazardContext): Promise<Hazard[]> {
  const touched = touchedObjects(context.view);
  const keys = touched.filter((o) => o.kind === 'unique-key') as UniqueKey[];
  const indexes = touched.filter((o) => o.kind === 'index' && (o as PlainIndex).shape.unique) as PlainIndex[];
  const deferrable = keys
    .filter((k) => k.deferrable)
    .map(
      (k): Hazard => ({
        hazard: 'deferrable-unique',
        rank: 'accept',
        on: `${k.table}.${k.name}`,
        message: `${k.name} on ${k.table} is deferrable, but its twin is not until the cutover: rows that are equal within a transaction raise 23505`,
        remedy: 'let no client rely on it during the phase, then accept it with a because',
      }),
    );
  const tables = new Set<TableId>(
    [...keys, ...indexes].filter((o) => !isGeneratedKey(context, o)).map((o) => o.table),
  );
  const seen = await seenStatements(context);
  const { twins } = context.phase;
  const late = twins === 'late';
  // what was not seen is the plan's word against ours: twins: early, once written, is that word
  const isOpen = twins === 'ask' && seen.incomplete !== null;
  const upserts = [...tables].map((table): Hazard => {
    const count = seen.count(table, (name) => new RegExp(`insert\\s+into\\s+${name}[^;]*on\\s+conflict`));
    const fail = 'fail with 23505, more rarely 40P01';
    return {
      hazard: 'unique-twin-upsert',
      // late is the plan's choice: what is left is the time from the approval to the cutover
      rank: !late && (count > 0 || isOpen) ? 'accept' : 'note',
      on: table,
      message:
        count > 0
          ? `${count} statements or functions upsert into ${table}: with a unique twin beside the old index some of them ${fail}${late ? ', from the approval to the cutover' : ''}`
          : `an upsert into ${table} could ${fail}, while a unique twin stands beside the old index: ${
              seen.incomplete
                ? `that none is run can't be ruled out (${seen.incomplete})`
                : `none was seen since ${seen.since}`
            }`,
      remedy:
        count > 0
          ? 'write twins: late, so that unique twins stand only from the approval to the cutover; or let clients retry on both, or hold the upserts back during the phase, then accept it with a because'
          : 'look whether clients upsert, and let the plan choose: twins: late where they do, so that unique twins stand only from the approval to the cutover; twins: early where they do not',
      ...(count > 0 ? { count } : {}),
    };
  });
  return [...deferrable, ...upserts];
}

/** Upserts name no key that a sequence gives: nobody meets a conflict there. One that the application gives they do. */
function isGeneratedKey({ view }: HazardContext, object: UniqueKey | PlainIndex): boolean {
  return object.names.every(
    (c) =>
      view.member(c.table, c.column)?.isReference === false && ownSequence(view, c.table, c.column) !== null,
  );
}
