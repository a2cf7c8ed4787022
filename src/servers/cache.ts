import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where downloaded server binaries are kept between runs: REKEY_CACHE, else ~/.cache/rekey. Creates the directory. */
export function cacheDirectory(...parts: string[]): string {
  const directory = join(process.env.REKEY_CACHE || join(homedir(), '.cache', 'rekey'), ...parts);
  mkdirSync(directory, { recursive: true });
  return directory;
}
