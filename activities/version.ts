import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Rekey's own version: the journal keeps it, so that defaults of an older one can be told from changes of a plan. */
export const version: string = findVersion(__dirname);

function findVersion(directory: string): string {
  try {
    const found = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
      name?: string;
      version: string;
    };
    if (found.name === 'pg-rekey') return found.version;
  } catch {
    // not here: one folder up, from the sources as from dist
  }
  const parent = dirname(directory);
  return parent === directory ? 'unknown' : findVersion(parent);
}
