import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Account } from './account.js';

/**
 * Waits until whoever started it is gone (its standard input ends, for whatever reason: stop(), exit, Ctrl-C, kill -9),
 * then ends the server and removes its directory. $0 directory, $1 the signal that stops this server in good order.
 */
const janitor = `
cat > /dev/null
pid=$(cat "$0/pid" 2> /dev/null)
if [ -n "$pid" ]; then
  kill -"$1" "$pid" 2> /dev/null
  tries=0
  while kill -0 "$pid" 2> /dev/null && [ $tries -lt 150 ]; do tries=$((tries + 1)); sleep 0.1; done
  kill -KILL "$pid" 2> /dev/null
fi
rm -rf "$0"
`;

/** Writes its process id down before it becomes the server, so that there is no moment at which nobody knows it. */
const launcher = 'echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"';

/** Where TMPDIR points, unless it is closed to the account, as a TMPDIR of root's own may be. */
function temporaryDirectory(account: Account): string {
  const wanted = process.env.TMPDIR || tmpdir();
  const entered = spawnSync('/bin/sh', ['-c', 'cd "$0"', wanted], { ...account, cwd: '/', stdio: 'ignore' });
  return entered.status === 0 ? wanted : '/tmp';
}

/**
 * A server process with a directory of its own that never outlives the process that started it. The server may be
 * ended and started again; directory and all are gone after `stop`, and also when our process ends in any other way.
 */
export class KeptServer {
  readonly directory: string;
  private readonly cleaner: ChildProcess;
  private readonly cleaned: Promise<void>;
  private child: ChildProcess | null = null;
  private exited: Promise<void> = Promise.resolve();

  constructor(
    name: string,
    private readonly account: Account,
    private readonly stopSignal: 'INT' | 'TERM',
  ) {
    this.directory = mkdtempSync(join(temporaryDirectory(account), `rekey-${name}-`));
    if (account.uid !== undefined) chownSync(this.directory, account.uid, account.gid ?? account.uid);
    chmodSync(this.directory, 0o700);
    // detached: Ctrl-C at a terminal reaches the whole process group, and the janitor must survive it
    const cleaner = spawn('/bin/sh', ['-c', janitor, this.directory, stopSignal], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.cleaner = cleaner;
    this.cleaned = new Promise((resolve) => {
      cleaner.once('exit', () => resolve());
      cleaner.once('error', () => {
        rmSync(this.directory, { recursive: true, force: true });
        resolve();
      });
    });
    cleaner.unref();
    (cleaner.stdin as unknown as { unref(): void }).unref();
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** What the server wrote to its standard output and error since it was first started. */
  output(): string {
    try {
      return readFileSync(this.path('output.log'), 'utf8');
    } catch {
      return '';
    }
  }

  get running(): boolean {
    return this.child !== null;
  }

  launch(file: string, args: string[], env: NodeJS.ProcessEnv = process.env): void {
    if (this.child !== null) throw new Error('the server is running already');
    const log = openSync(this.path('output.log'), 'a');
    const child = spawn('/bin/sh', ['-c', launcher, this.path('pid'), file, ...args], {
      ...this.account,
      cwd: this.directory,
      env,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.child = child;
    this.exited = new Promise((resolve) => {
      const gone = () => {
        this.child = null;
        rmSync(this.path('pid'), { force: true });
        resolve();
      };
      child.once('exit', gone);
      child.once('error', gone);
    });
    child.unref();
  }

  /** Ends the server process and waits for its end; the directory stays. Any other than KILL turns into it after 15 s. */
  async end(signal: 'INT' | 'TERM' | 'QUIT' | 'KILL' = this.stopSignal): Promise<void> {
    const child = this.child;
    if (child === null) return;
    child.ref();
    child.kill(`SIG${signal}`);
    const impatience = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await this.exited;
    clearTimeout(impatience);
  }

  /** Ends the server and removes its directory. Calling it twice does no harm. */
  async stop(): Promise<void> {
    await this.end();
    this.cleaner.ref();
    this.cleaner.stdin?.end();
    await this.cleaned;
  }
}
