import type { Hazard } from '../errors.js';
import type { Acceptance, Phase, Plan } from '../plan/model.js';
import { tablesNamedBy } from '../plan/names.js';

export interface Judged {
  /** these keep the phase from starting */
  unhandled: Hazard[];
  accepted: (Hazard & { because: string })[];
  notes: Hazard[];
}

/** Puts the plan's `accept` entries beside what was found. `stop` is lifted by none. Pure. */
export function judge(plan: Plan, phase: Phase, found: Hazard[]): Judged {
  const entries = plan.accept.filter((a) => a.phase === undefined || a.phase === phase.phase);
  const used = new Set<Acceptance>();
  const judged: Judged = { unhandled: [], accepted: [], notes: [] };
  for (const hazard of distinct(found)) {
    const entry = entries.find((a) => a.hazard === hazard.hazard && sameObject(a.on, hazard.on));
    if (entry) used.add(entry);
    if (hazard.rank === 'note') judged.notes.push(hazard);
    else if (hazard.rank === 'accept' && entry) judged.accepted.push({ ...hazard, because: entry.because });
    else judged.unhandled.push(hazard);
  }
  for (const entry of entries)
    if (!used.has(entry) && isAbout(phase, entry))
      judged.notes.push({
        hazard: 'accept-unused',
        rank: 'note',
        on: entry.on,
        message: `the plan accepts ${entry.hazard} on ${entry.on}, which was not found`,
        remedy: 'take the entry out, or correct its words',
      });
  return judged;
}

/** Names may be written with or without the schema `public`. */
function sameObject(a: string, b: string): boolean {
  const plain = (text: string) => text.trim().replace(/(^| on )public\./, '$1');
  return plain(a) === plain(b);
}

function isAbout(phase: Phase, entry: Acceptance): boolean {
  if (entry.phase !== undefined) return entry.phase === phase.phase;
  if (phase.kind !== 'tables') return false;
  const named = tablesNamedBy(entry.on);
  return phase.tables.some((t) => named.includes(t.table));
}

function distinct(hazards: Hazard[]): Hazard[] {
  const seen = new Set<string>();
  return hazards.filter((h) => {
    const key = `${h.hazard}\u0000${h.on}\u0000${h.message}`;
    return seen.has(key) ? false : seen.add(key);
  });
}
