import type { MapRange } from './contract.js';

/** bytes of one page: what an activity may answer with is 64 kB */
const page = 48_000;

/** The ranges from `from` on, as many as one result can carry: a phase of 1,000 tables has more. Pure. */
export function pageOf(ranges: MapRange[], from: number): { ranges: MapRange[]; next?: number } {
  let bytes = 0;
  let at = from;
  for (; at < ranges.length; at += 1) {
    bytes += Buffer.byteLength(JSON.stringify(ranges[at])) + 1;
    if (bytes > page && at > from) return { ranges: ranges.slice(from, at), next: at };
  }
  return { ranges: ranges.slice(from) };
}
