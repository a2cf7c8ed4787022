/**
 * The units that a plan is written in: durations, shares, times of day. Each has one way of being read and one of being
 * written, so that what `rekey plan show` prints reads the same. A parser answers with the value or with what is wrong.
 */

const units = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof units;

/** Units that people write instead, and what they most likely mean by them. */
const misspelt: Record<string, Unit> = {
  m: 'min',
  mins: 'min',
  minute: 'min',
  minutes: 'min',
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  msec: 'ms',
  millisecond: 'ms',
  milliseconds: 'ms',
  hr: 'h',
  hrs: 'h',
  hour: 'h',
  hours: 'h',
  day: 'd',
  days: 'd',
};

export const durationForm = 'a duration with its unit: 150ms, 10s, 10min, 48h or 2d';

/** Milliseconds of `10s`; a text that says what is wrong where it is no duration. */
export function parseDuration(text: string): number | { wrong: string } {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)\s*([A-Za-z]*)$/.exec(text.trim());
  if (!match) return { wrong: `"${text}" is not ${durationForm}` };
  const amount = match[1]!;
  const unit = match[2]!;
  if (unit === '') return { wrong: `"${text}" has no unit: it must be ${durationForm}` };
  if (!Object.hasOwn(units, unit)) {
    const meant = Object.hasOwn(misspelt, unit.toLowerCase())
      ? ` (did you mean ${amount}${misspelt[unit.toLowerCase()]}?)`
      : '';
    return {
      wrong: `"${text}" has the unit "${unit}", which is not known: it must be ${durationForm}${meant}`,
    };
  }
  const ms = Number((Number(amount) * units[unit as Unit]).toFixed(3));
  if (!Number.isInteger(ms)) return { wrong: `"${text}" is not a whole number of milliseconds` };
  return ms;
}

/** The shortest way to write so many milliseconds: 600000 is `10min`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'min', 's'] as const) {
    if (ms >= units[unit] && ms % units[unit] === 0) return `${ms / units[unit]}${unit}`;
  }
  return `${ms}ms`;
}

const sizes = { kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const;
type SizeUnit = keyof typeof sizes;

export const sizeForm = 'a size with its unit, as PostgreSQL writes it: 500MB, 20GB or 1TB';

/** Bytes of `20GB`: 1024 to the step, as in PostgreSQL's settings. */
export function parseSize(text: string): number | { wrong: string } {
  const match = /^(\d{1,12})\s*([A-Za-z]*)$/.exec(text.trim());
  if (!match) return { wrong: `"${text}" is not ${sizeForm}` };
  const unit = match[2]!;
  if (Object.hasOwn(sizes, unit)) return Number(match[1]) * sizes[unit as SizeUnit];
  const meant = Object.keys(sizes).find((one) => one.toLowerCase() === unit.toLowerCase());
  const said = unit === '' ? 'has no unit' : `has the unit "${unit}", which is not known`;
  return {
    wrong: `"${text}" ${said}: it must be ${sizeForm}${meant ? ` (did you mean ${match[1]}${meant}?)` : ''}`,
  };
}

/** The shortest way to write so many bytes, a whole number of kB. */
export function formatSize(bytes: number): string {
  const unit = (['TB', 'GB', 'MB'] as const).find((one) => bytes >= sizes[one] && bytes % sizes[one] === 0);
  return `${bytes / sizes[unit ?? 'kB']}${unit ?? 'kB'}`;
}

export const shareForm = 'a share with a percent sign: 10%';

/** 0.1 of `10%`. */
export function parseShare(text: string): number | { wrong: string } {
  const match = /^(\d{1,4}(?:\.\d{1,3})?)\s*%$/.exec(text.trim());
  if (!match) return { wrong: `"${text}" is not ${shareForm}` };
  return Number(match[1]) / 100;
}

export function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(12))}%`;
}

export const timeForm = 'a time of day: "22:00" ("24:00" is the end of the day)';

/** Minutes since midnight of `22:00`; 1440 for `24:00`. Null where it is no time of day. */
export function parseTimeOfDay(text: string): number | null {
  const match = /^(\d{2}):(\d{2})$/.exec(text);
  if (!match) return null;
  const minutes = Number(match[1]) * 60 + Number(match[2]);
  return Number(match[2]) < 60 && minutes <= 1440 ? minutes : null;
}
