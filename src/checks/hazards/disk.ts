import type { Hazard } from '../../errors.js';
import type { HazardContext } from './context.js';

const gigabyte = 1024 ** 3;

/**
 * In-place: each row is written once more (until vacuum comes), and its indexes once for the twins. Below a gigabyte an
 * unknown disk is no hazard: a server without that much room has other worries.
 */
export function disk({ view, freeDisk }: HazardContext): Hazard[] {
  const bytes = view.catalog.tables
    .filter((t) => view.substitution.tables.includes(t.id))
    .reduce((sum, t) => sum + Number(t.bytes), 0);
  const needed = Math.round(bytes * 1.5);
  const size = (n: number) => `${(n / gigabyte).toFixed(1)} GB`;
  if (freeDisk !== null && freeDisk < needed)
    return [
      {
        hazard: 'disk-too-small',
        rank: 'stop',
        on: 'disk',
        message: `the phase needs about ${size(needed)} on the server, and ${size(freeDisk)} are free`,
        remedy: 'make room, or move fewer tables in a phase',
      },
    ];
  if (freeDisk === null && needed > gigabyte)
    return [
      {
        hazard: 'disk-not-known',
        rank: 'accept',
        on: 'disk',
        message: `the phase needs about ${size(needed)} on the server, and nobody says how much is free`,
        remedy:
          'give the phase a hook `free-disk` that prints the bytes free, or look yourself and accept it with a because',
      },
    ];
  return [];
}
