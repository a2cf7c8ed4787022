/** Text for terminals of 80 to 100 columns. Lines are wrapped at blanks; names are never cut. */
export const width = 92;

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

export function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function bytes(value: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size >= 10 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Time of day in UTC, with the date where it is not today's. */
export function clock(at: Date, now: Date = new Date()): string {
  const text = at.toISOString();
  return text.slice(0, 10) === now.toISOString().slice(0, 10)
    ? `${text.slice(11, 19)} UTC`
    : `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

export function heading(text: string): string {
  return `${text}\n${'-'.repeat(text.length)}`;
}

/** A label in a column of its own and a text beside it, wrapped and indented. */
export function wrap(label: string, text: string, indent = 2, labelWidth = 7): string {
  const head = `${' '.repeat(indent)}${label.padEnd(labelWidth)}`;
  const room = Math.max(30, width - head.length);
  const lines = text.split('\n').flatMap((line) => wrapLine(line, room));
  return lines.map((line, i) => `${i === 0 ? head : ' '.repeat(head.length)}${line}`.trimEnd()).join('\n');
}

function wrapLine(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Columns as wide as their longest text, two blanks between; columns in `right` are aligned to the right. */
export function columns(rows: string[][], right: number[] = [], indent = 2): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      `${' '.repeat(indent)}${row
        .map((cell, i) =>
          right.includes(i) ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number),
        )
        .join('  ')}`.trimEnd(),
    )
    .join('\n');
}
