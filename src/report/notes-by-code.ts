import type { Session } from '../postgres/session.js';

/** What preflight only notes, or what the plan accepts, under one code. */
export interface NoteGroup {
  hazard: string;
  accepted: boolean;
  /** objects it was noted of, as the plan would name them */
  on: string[];
}

interface Note {
  hazard: string;
  on: string;
  accepted?: boolean;
}

/** One group a code, the largest first; an object stands in it once. Pure. */
export function notesByCode(notes: Note[]): NoteGroup[] {
  const groups = new Map<string, NoteGroup>();
  for (const { hazard, on, accepted = false } of notes) {
    const key = `${accepted} ${hazard}`;
    const group = groups.get(key) ?? { hazard, accepted, on: [] };
    if (!group.on.includes(on)) group.on.push(on);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.on.length - a.on.length);
}

/** Three names and how many there are besides. Pure. */
export function someOf(names: string[]): string {
  const more = names.length - 3;
  return `${names.slice(0, 3).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** One line a code. Pure. */
export function noteLines(notes: Note[]): string[] {
  return notesByCode(notes).map(({ hazard, on }) => `${hazard} (${on.length}): ${someOf(on)}`);
}

/** What the newest run of a phase noted, by the journal. */
export async function readPreflightNotes(session: Session, phase: string): Promise<NoteGroup[]> {
  const rows = await session.query<Required<Note>>(
    `select detail->>'hazard' as hazard, coalesce(j.object, '') as "on", detail ? 'accepted' as accepted
     from rekey.journal j join rekey.phase p on p.phase = j.phase and j.at >= p.started_at
     where j.phase = $1 and j.kind = 'note' and j.step = 'preflight' and detail ? 'hazard' order by j.id`,
    [phase],
  );
  return notesByCode(rows);
}
