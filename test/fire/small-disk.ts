import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Account, accountForPostgres } from '../../src/servers/account.js';

/** A disk of its own, so small that a test can fill it: what is written then ends with ENOSPC, as on any full disk. */
export interface SmallDisk {
  path: string;
  /** a file that may take all the room */
  ballast: string;
  /** leaves this many bytes free; whoever writes more gets ENOSPC */
  fill(left: number): void;
  makeRoom(): void;
  remove(): void;
}

/**
 * A tmpfs, where this machine lets us mount one: as root, or as somebody who may sudo without a password. Null where it
 * does not, as in a container without CAP_SYS_ADMIN: tests then limit the size of files, for which PostgreSQL takes the same way.
 */
export function smallDisk(bytes: number, owner: Account = {}): SmallDisk | null {
  const path = mkdtempSync(join(tmpdir(), 'rekey-disk-'));
  const { uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = owner;
  const options = `size=${bytes},mode=0700,uid=${uid},gid=${gid}`;
  try {
    asRoot('mount', '-t', 'tmpfs', '-o', options, 'rekey-test', path);
  } catch {
    rmSync(path, { recursive: true, force: true });
    return null;
  }
  const ballast = join(path, 'ballast');
  return {
    path,
    ballast,
    fill: (left) => {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - left)));
    },
    makeRoom: () => rmSync(ballast, { force: true }),
    remove: () => {
      // lazily: whoever still has a file open on it may close it later
      asRoot('umount', '--lazy', path);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function asRoot(...command: string[]): void {
  const [program = '', ...args] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
  execFileSync(program, args, { stdio: 'ignore' });
}

/**
 * A limit on the size of files (EFBIG) for the postmaster, what it starts, and the walwriter: what PostgreSQL itself treats
 * like a full disk, and no mount is needed for it.
 */
export async function limitFiles(superuserUrl: string, bytes: number | 'unlimited'): Promise<void> {
  const client = new Client({ connectionString: superuserUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>(
      `select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)::int as pid
       union all select pid from pg_stat_activity where backend_type = 'walwriter'`,
    );
    // the server's own account may, root without CAP_SYS_RESOURCE may not
    for (const { pid } of rows)
      execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], accountForPostgres());
  } finally {
    await client.end();
  }
}

/** What a shell does so that a program may write files of 8 blocks only, and is told so. */
export const filesOfEightBlocks = 'trap "" XFSZ; ulimit -f 8';

/** A directory with a pg_dump that does this first, in a shell, and a pg_restore. */
export function toolsThatFirst(does: string, bin: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'rekey-bin-'));
  const first = `case "$*" in *--version*|*--help*) ;; *) ${does} ;; esac\n`;
  for (const name of ['pg_dump', 'pg_restore']) {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\n${name === 'pg_dump' ? first : ''}exec ${bin}/${name} "$@"\n`);
    chmodSync(path, 0o755);
  }
  return directory;
}
