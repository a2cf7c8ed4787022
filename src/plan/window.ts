import type { Window } from './model.js';
import { parseTimeOfDay } from './units.js';

/** Whether a cutover may begin now. Pure, and independent of the machine's own time zone: workflows may call it. */
export interface WindowState {
  /** inside the window, and with enough of it left */
  open: boolean;
  /** when it next opens with enough time in it; null where it is open, or never will be */
  opensAt: number | null;
  /** when the window that is open, or opens next, ends; null where it never does */
  closesAt: number | null;
}

const dayMs = 86_400_000;
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/**
 * Times are epoch milliseconds. `withinMs` is how much of the window must be left. No window is always open.
 * Where clocks change, the window holds the moments that are inside it by every reading: of an hour that comes twice
 * it begins in the second and ends in the first, and of one that is left out it begins after and ends before.
 */
export function windowState(window: Window | null, nowMs: number, withinMs: number): WindowState {
  if (window === null) return { open: true, opensAt: null, closesAt: null };
  const spans = spansAround(window, nowMs);
  const next = spans.find((span) => span.to > nowMs && span.to - Math.max(span.from, nowMs) >= withinMs);
  if (!next) return { open: false, opensAt: null, closesAt: null };
  const closesAt = next.endless ? null : next.to;
  return next.from <= nowMs
    ? { open: true, opensAt: null, closesAt }
    : { open: false, opensAt: next.from, closesAt };
}

interface Span {
  from: number;
  to: number;
  endless: boolean;
}

/** The window's spans from yesterday to three weeks ahead, those that touch joined. */
function spansAround(window: Window, nowMs: number): Span[] {
  const from = parseTimeOfDay(window.from);
  const to = parseTimeOfDay(window.to);
  if (from === null || to === null) return [];
  const length = to > from ? to : to + 1440;
  const today = Math.floor((nowMs + offsetAt(window.zone, nowMs)) / dayMs) * dayMs;
  const joined: Span[] = [];
  const lastDay = 21;
  for (let day = -2; day <= lastDay; day++) {
    const midnight = today + day * dayMs;
    if (!window.days.includes(dayNames[new Date(midnight).getUTCDay()]!)) continue;
    const span = {
      from: Math.max(...instants(window.zone, midnight + from * 60_000)),
      to: Math.min(...instants(window.zone, midnight + length * 60_000)),
      endless: false,
    };
    if (span.to <= span.from) continue;
    const last = joined.at(-1);
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else joined.push(span);
  }
  const only = joined[0];
  if (joined.length === 1 && only && only.from < nowMs && only.to - nowMs > (lastDay - 1) * dayMs)
    only.endless = true;
  return joined;
}

/** The instants at which a wall clock of the zone shows this time: one, or two where it is ambiguous or left out. */
function instants(zone: string, localMs: number): number[] {
  const before = localMs - offsetAt(zone, localMs - dayMs);
  const after = localMs - offsetAt(zone, localMs + dayMs);
  const shows = (instant: number) => instant + offsetAt(zone, instant) === localMs;
  const right = [before, after].filter(shows);
  return right.length > 0 ? right : [before, after];
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What to add to an instant to get the zone's wall clock, read as if it were UTC. */
function offsetAt(zone: string, instant: number): number {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(instant)) part[type] = Number(value);
  const { year, month, day, hour, minute, second } = part as Record<string, number>;
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - Math.floor(instant / 1000) * 1000;
}

/** Whether Intl knows the zone. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** ms of a window on an ordinary day; the whole week where it leaves no gap. */
export function windowLength(window: Window): number {
  const from = parseTimeOfDay(window.from) ?? 0;
  const to = parseTimeOfDay(window.to) ?? 0;
  if (to - from >= 1440) return Number.POSITIVE_INFINITY;
  return (to > from ? to - from : to + 1440 - from) * 60_000;
}
