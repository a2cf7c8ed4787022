import type { Hazard } from '../../errors.js';
import type { DeclaredReference, TableId } from '../../plan/model.js';
import { formatColumn } from '../../plan/names.js';
import type { HazardContext } from './context.js';

/** Words that plans may have and that no step carries out yet. No `accept` lifts them. */
export function notCarriedOver({ plan, phase }: HazardContext): Hazard[] {
  const found: Hazard[] = [];
  const not = (on: string, what: string, remedy: string) =>
    found.push({
      hazard: 'not-carried-over-yet',
      rank: 'stop',
      on,
      message: `${what} is not carried over yet`,
      remedy,
    });
  const mine = (entry: { phase?: string }) => entry.phase === undefined || entry.phase === phase.phase;

  if (phase.twins === 'late') not(`phase ${phase.phase}`, '`twins: late`', 'say `twins: early`');
  for (const { object } of plan.definitions.filter(mine))
    not(object, `the definition of ${object}`, 'take it out of `definitions`');
  for (const { name } of plan.subscribers.filter(mine))
    not(name, `the named subscriber ${name}`, 'take it out of `subscribers`');
  if (plan.rehearsal !== 'skip') not(`phase ${phase.phase}`, '`rehearsal`', 'say `rehearsal: skip`');
  const strategies = new Map<TableId, string>(phase.tables.map((t) => [t.table, t.map.strategy]));
  if (phase.map.strategy !== 'in-place') strategies.set(`phase ${phase.phase}`, phase.map.strategy);
  for (const [on, strategy] of strategies)
    if (strategy !== 'in-place') not(on, `the strategy ${strategy}`, 'say `strategy: in-place`');
  for (const { table, key } of phase.tables)
    if (key.source === 'stored')
      not(table, `the key source stored (${key.column})`, 'let the keys be derived');
  for (const reference of plan.references)
    if (isNewKind(reference) && targets(reference).some((t) => phase.tables.some((p) => p.table === t)))
      not(
        formatColumn(reference.from),
        `the reference ${formatColumn(reference.from)} ${kindOf(reference)}`,
        'leave the table that it refers to out of the plan',
      );
  return found;
}

function isNewKind(reference: DeclaredReference): boolean {
  return reference.path !== null || reference.by !== null || reference.each !== null;
}

function targets(reference: DeclaredReference): TableId[] {
  return typeof reference.to === 'string' ? [reference.to] : Object.values(reference.to);
}

function kindOf(reference: DeclaredReference): string {
  if (reference.path !== null) return `(path ${reference.path})`;
  return reference.by !== null ? `(by ${reference.by})` : `(each ${reference.each})`;
}
