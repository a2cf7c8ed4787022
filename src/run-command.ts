import { type ChildProcess, spawn } from 'node:child_process';

/** Runs one program without a shell, so that no argument is ever read as more than an argument. */
export interface CommandRequest {
  command: string;
  args: string[];
  /** the whole environment of the program: nothing is inherited beside it */
  env: NodeJS.ProcessEnv;
  /** ms, null: no limit */
  timeout: number | null;
  /** bytes kept of each stream; of longer output the end is kept, because errors stand there */
  keep: number;
}

export interface CommandResult {
  /** null where a signal ended it or it could not be started */
  code: number | null;
  signal: string | null;
  timedOut: boolean;
  /** the system's code, as ENOENT, where the program could not be started */
  notStarted: string | null;
  stdout: string;
  stderr: string;
  /** both streams in the order in which they came */
  output: string;
  ms: number;
}

/** After SIGTERM a program has this long to clean up before SIGKILL, ms. */
const grace = 5000;
/** A daemon that the program left behind may hold its pipes open: they get this long after its end, ms. */
const pipeGrace = 500;

/**
 * When `signal` aborts, the program's whole process group gets SIGTERM and later SIGKILL; this function waits until it
 * has ended and then throws the signal's reason, so that nothing runs on behind the caller's back.
 */
export async function runCommand(request: CommandRequest, signal?: AbortSignal): Promise<CommandResult> {
  signal?.throwIfAborted();
  const began = performance.now();
  const stdout = new Tail(request.keep);
  const stderr = new Tail(request.keep);
  const output = new Tail(request.keep);
  const child = spawn(request.command, request.args, {
    env: request.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout.add(chunk);
    output.add(chunk);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr.add(chunk);
    output.add(chunk);
  });

  let timedOut = false;
  let killer: NodeJS.Timeout | undefined;
  const stop = () => {
    killGroup(child, 'SIGTERM');
    killer ??= setTimeout(() => killGroup(child, 'SIGKILL'), grace);
  };
  const timer =
    request.timeout === null
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          stop();
        }, request.timeout);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const end = await ended(child);
    signal?.throwIfAborted();
    return {
      ...end,
      timedOut,
      stdout: stdout.text(),
      stderr: stderr.text(),
      output: output.text(),
      ms: Math.round(performance.now() - began),
    };
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    signal?.removeEventListener('abort', stop);
  }
}

function ended(child: ChildProcess): Promise<Pick<CommandResult, 'code' | 'signal' | 'notStarted'>> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, notStarted: error.code ?? 'unknown' });
    });
    child.once('exit', (code, signal) => {
      const done = () => {
        clearTimeout(timer);
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve({ code, signal, notStarted: null });
      };
      const timer = setTimeout(done, pipeGrace);
      child.once('close', done);
    });
  });
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

/** The last bytes of a stream, and a line that says so where there were more. */
class Tail {
  private chunks: Buffer[] = [];
  private size = 0;
  private dropped = 0;

  constructor(private readonly keep: number) {}

  add(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.chunks.length > 1 && this.size - (this.chunks[0]?.length ?? 0) >= this.keep) {
      const first = this.chunks.shift() as Buffer;
      this.size -= first.length;
      this.dropped += first.length;
    }
  }

  text(): string {
    const all = Buffer.concat(this.chunks);
    const cut = Math.max(0, all.length - this.keep);
    const dropped = this.dropped + cut;
    const kept = all.subarray(cut).toString('utf8');
    return dropped === 0 ? kept : `[${dropped} bytes left out]\n${kept}`;
  }
}
