import type { Hazard } from '../errors.js';
import type { TableId } from '../plan/model.js';
import type { CatalogObject } from './model.js';

/**
 * The one contract of all object kinds: how its objects are read, how a twin is made beside the original, how twin and
 * original change places in the cutover and back, what is left for cleanup, or why the kind is refused.
 */
export interface ObjectKind<O extends CatalogObject = CatalogObject> {
  kind: O['kind'];
  /**
   * A query without parameters; its rows are the objects, one column `object` with JSON. Reads pg_catalog only. `schemas` is
   * to be joined as the table's pg_namespace: of it, what is read of a database.
   */
  query(version: number, schemas: string): string;
  /** All statements for an object that names a member, or the hazard that keeps the phase from starting. */
  plan(object: O, view: View): ObjectPlan | Hazard;
  /** The statement that makes the object as it is, for the trial on empty copies; null where `like` brings it along. */
  original(object: O, view: View): string | null;
  /**
   * What the object is, without the names of columns that the phase changes: the same text before and after the
   * cutover, null where no object may be left. Used to prove that catalog(after) = substitute(catalog(before)).
   */
  definition(object: O, view: View, moment: 'before' | 'after'): string | null;
}

/** A kind of whatever objects, in a list of all kinds. */
// biome-ignore lint/suspicious/noExplicitAny: each kind has an object type of its own
export type AnyKind = ObjectKind<any>;

/** One statement that runs online, outside the cutover. */
export interface Work {
  text: string;
  /** what it is about, for the journal */
  object: string;
  /** `none`: takes no lock that a client waits for, can't run in a transaction; else the tables to lock under the budget first */
  locks: 'concurrently' | 'none' | { mode: LockMode; tables: TableId[] };
  /** how to see in the catalog that it is done; where null, it is harmless to run it again */
  done: Observation | null;
  /** what makes the work needless although `done` can't be seen: a step that comes after it is past it */
  unless?: Observation;
  /** it writes rows of the application's tables: triggers on them must find what they find in a client's session */
  firesTriggers?: true;
  /** it is a unique twin or stands on one: with `twins: late` it is built after the approval */
  late?: true;
}

export type LockMode = 'share update exclusive' | 'share row exclusive' | 'access exclusive';

/** Something that is to be seen, or not, in the catalog. Names are unquoted. */
export type Observation =
  | { see: 'column'; schema: string; table: string; name: string; present: boolean }
  /** all of them, or none where they should not be there: others may have dropped one */
  | { see: 'columns'; schema: string; table: string; names: string[]; present: boolean }
  | { see: 'not-null'; schema: string; table: string; name: string; present: boolean }
  | { see: 'default'; schema: string; table: string; name: string; present: boolean }
  | { see: 'index'; schema: string; name: string; present: boolean }
  | { see: 'constraint'; schema: string; table: string; name: string; present: boolean; valid?: true }
  | { see: 'trigger'; schema: string; table: string; name: string; present: boolean }
  /** what goes in one transaction: where others have dropped one of them, the rest is there still */
  | {
      see: 'trigger-or-columns';
      schema: string;
      table: string;
      name: string;
      columns: string[];
      present: false;
    }
  | { see: 'statistics'; schema: string; name: string; present: boolean };

/** The places of the cutover's statements, in this order. */
export const swapSlots = [
  'dropForeignKeys',
  'dropConstraints',
  'dropDefaults',
  'renameColumns',
  'attach',
  'addConstraints',
  'rename',
  'settings',
  'triggers',
] as const;
export type SwapSlot = (typeof swapSlots)[number];

export interface SwapStatement {
  slot: SwapSlot;
  text: string;
  object: string;
}

export interface ObjectPlan {
  /** lower ranks are built first: attributes 0, defaults 5, indexes 10, not null and checks 20, statistics 30, foreign keys 40 */
  rank: number;
  buildTwin: Work[];
  dropTwin: Work[];
  swap: SwapStatement[];
  /** online, before the swap back */
  beforeSwapBack: Work[];
  swapBack: SwapStatement[];
  /** online, after the swap back, until the object is again what it was */
  afterSwapBack: Work[];
  /** cleanup */
  dropLegacy: Work[];
  /** names of Rekey's that the plan uses for relations, for the fingerprint to leave out */
  made: string[];
}

/** What a kind may ask about the substitution. */
export interface View {
  version: number;
  /** quoted and schema-qualified; the trial on empty copies puts schemas of its own in */
  sqlTable(id: TableId): string;
  /** the schema in which the table's relations stand, unquoted, as `sqlTable` has it */
  schemaOf(id: TableId): string;
  nameOf(id: TableId): string;
  member(table: TableId, column: string): MemberView | undefined;
  /** a free name for a twin, or for what the cutover sets aside; cut to 63 bytes, always the same for the same original */
  twinName(original: string, schema: string): string;
  legacyName(original: string, schema: string): string;
  /** a constraint's twin name: `<name>_uuid` */
  constraintTwin(table: TableId, original: string): string;
  /** true where another object of the phase already gives the same unique twin (adopted keys) */
  isDuplicate(objectId: string): boolean;
  /** the name that a plan gives to what was a composite primary key, where the table gets a surrogate */
  surrogateUnique(table: TableId): string | undefined;
  /** an SQL literal or expression that gives the key for an integer default of a reference */
  defaultStatement(table: TableId, column: string, expression: string): string | undefined;
}

export interface MemberView {
  shadow: string;
  after: string;
  legacy: string | null;
  /** a reference can have a hole after the cutover, a key that is no reference can't */
  isReference: boolean;
}

export const nothing: Omit<ObjectPlan, 'rank'> = {
  buildTwin: [],
  dropTwin: [],
  swap: [],
  beforeSwapBack: [],
  swapBack: [],
  afterSwapBack: [],
  dropLegacy: [],
  made: [],
};
