import { type NoteGroup, someOf } from '../report/notes-by-code.js';
import { columns, heading, number, wrap } from './layout.js';

/** A line for each code, not for each object: what stops nothing must not hide what matters. */
export function preflightNotesText(groups: NoteGroup[]): string {
  if (groups.length === 0) return '';
  const rows = groups.map(({ hazard, accepted, on }) => [
    number(on.length),
    `${hazard}${accepted ? ' (accepted)' : ''}`,
    someOf(on),
  ]);
  const more = 'docs/errors.md says what each code means; --json has all names.';
  return [heading('Preflight noted'), columns(rows, [0]), wrap('', more, 2, 0)].join('\n');
}

/** What the workflow noted itself; what preflight said stands in the groups. */
export function workflowNotesText(notes: string[], groups: NoteGroup[]): string {
  const isGrouped = (note: string) =>
    groups.some(({ hazard }) => note.includes(` preflight warns: ${hazard} (`));
  const left = notes.filter((note) => !isGrouped(note)).slice(-6);
  if (left.length === 0) return '';
  return `${heading('The workflow says')}\n${left.map((note) => wrap('-', shortTime(note), 2, 2)).join('\n')}`;
}

/** Notes begin with their time, to the millisecond. */
function shortTime(note: string): string {
  return note.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\S*Z /, '$1 $2 UTC: ');
}
