import type { Hazard } from '../errors.js';
import { plural, wrap } from './layout.js';

const ranks: Hazard['rank'][] = ['stop', 'accept', 'note'];

/** Those that stop first. What is said of many objects in the same words is said once, with their names. */
export function hazardsText(hazards: Hazard[]): string {
  const groups = new Map<string, { template: string; hazards: Hazard[] }>();
  for (const hazard of ranks.flatMap((rank) => hazards.filter((h) => h.rank === rank))) {
    const template = hazard.message.replaceAll(hazard.on, '<name>');
    const remedy = hazard.remedy.replaceAll(hazard.on, '<name>');
    const key = [hazard.rank, hazard.hazard, template, remedy].join('\u0000');
    const group = groups.get(key);
    if (!group) groups.set(key, { template, hazards: [hazard] });
    else if (!group.hazards.some((h) => h.on === hazard.on)) group.hazards.push(hazard);
  }
  return [...groups.values()]
    .map((group) => (group.hazards.length === 1 ? oneText(group.hazards[0] as Hazard) : manyText(group)))
    .join('\n\n');
}

function oneText(hazard: Hazard): string {
  const count = hazard.count === undefined ? '' : ` (${hazard.count})`;
  return [
    wrap(hazard.rank, `${hazard.on}${count}: ${hazard.hazard}`),
    wrap('', hazard.message),
    wrap('', `-> ${hazard.remedy}`),
  ].join('\n');
}

function manyText({ template, hazards }: { template: string; hazards: Hazard[] }): string {
  const [first] = hazards as [Hazard];
  return [
    wrap(first.rank, `${plural(hazards.length, 'object')}: ${first.hazard}`),
    wrap('', template),
    wrap('', `-> ${first.remedy.replaceAll(first.on, '<name>')}`),
    wrap('', hazards.map((h) => h.on).join(', ')),
  ].join('\n');
}
