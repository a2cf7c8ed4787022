import { execFileSync } from 'node:child_process';

/** A system account, for child processes; empty where they run as whoever we are. */
export interface Account {
  uid?: number;
  gid?: number;
}

/** PostgreSQL refuses to run as root: as root this is `postgres`, or `nobody` where that account does not exist. */
export function accountForPostgres(): Account {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // no such account: the next one
    }
  }
  return { uid: 65534, gid: 65534 };
}
