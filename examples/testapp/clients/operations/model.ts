import type { PairRow, Row, RowPools } from '../rows.js';
import { type Attempt, type Text, WrongAnswer } from '../session.js';

/** What all clients of a run do alike; may change while they run. */
export interface ClientSettings {
  /**
   * How children of cycle_reports name their parent while there are two ways. `one`: now by the pair, now by
   * cycle_report_id, and Rekey's trigger fills in the other. `both`: what an application must do before cleanup, which
   * takes that trigger away.
   */
  pairWrites: 'one' | 'both';
}

/** What one client owns (only it writes these rows) and what it found when it started (it only refers to those). */
export interface Surroundings {
  own: RowPools & { comments: Row[]; leavers: Leaver[]; assigned: string[]; notes: Row[] };
  found: RowPools;
  /** this client's number */
  client: number;
  settings: ClientSettings;
}

interface Leaver {
  user: Row;
  notification: string;
  audit: string;
}

export interface Operation {
  name: string;
  /** its share of all operations */
  weight: number;
  /** whose connection: the tenant's sees its own announcements only */
  as?: 'tenant';
  run(attempt: Attempt, around: Surroundings): Promise<void>;
}

/** Of what others made or of one's own, as chance has it. */
export function any(attempt: Attempt, ...lists: Row[][]): Row {
  const all = lists.filter((list) => list.length > 0);
  const list = all[Math.floor(attempt.random() * all.length)] as Row[];
  return list[Math.floor(attempt.random() * list.length)] as Row;
}

export function maybe<T>(attempt: Attempt, share: number, value: () => T): T | null {
  return attempt.random() < share ? value() : null;
}

/** Lists stay short enough to keep in mind; what falls out is no longer touched, and still checked at the end. */
export function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > 500) list.shift();
}

export const reference = (attempt: Attempt, column = 'reference') => ({ column, text: attempt.tag });

export async function createRow(
  attempt: Attempt,
  table: string,
  values: Record<string, string>,
  references: Record<string, Row | null>,
  more: Record<string, Text> = {},
): Promise<Row> {
  return {
    table,
    reference: attempt.tag,
    key: await attempt.create(table, reference(attempt), values, references, more),
  };
}

export const user = (attempt: Attempt, around: Surroundings) =>
  any(attempt, around.own.users, around.found.users);
export const lob = (attempt: Attempt, around: Surroundings) =>
  any(attempt, around.own.lobs, around.found.lobs);
export const phase = (attempt: Attempt, around: Surroundings) =>
  any(attempt, around.own.phases, around.found.phases);

export function pair(attempt: Attempt, around: Surroundings): PairRow {
  const list = around.own.pairs.length > 0 && attempt.random() < 0.5 ? around.own.pairs : around.found.pairs;
  return list[Math.floor(attempt.random() * list.length)] as PairRow;
}

/** How a child names its cycle's report today: by the pair, by the new key, or by both. */
export async function pairColumns(
  attempt: Attempt,
  around: Surroundings,
  table: string,
  to: PairRow,
): Promise<Record<string, Text>> {
  const cycle = await attempt.key(to.cycle);
  const report = await attempt.key(to.report);
  const pair = { cycle_id: cycle, report_id: report };
  const way = attempt.session.shape.surrogate(table);
  const both = around.settings.pairWrites === 'both';
  if (way === 'no' || (way === 'may' && !both && attempt.random() < 0.5)) return pair;
  const found = await attempt.one(
    `cycle_reports ${to.reference}`,
    'select id::text as id from cycle_reports where cycle_id = $1 and report_id = $2',
    [cycle, report],
  );
  return { ...(way === 'may' && both ? pair : {}), cycle_report_id: found.id as string };
}

export function expectText(what: string, found: Text | undefined, expected: Text): void {
  if (found !== expected) throw new WrongAnswer(`${what} is ${found}, expected ${expected}`);
}
