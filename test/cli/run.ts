import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transformFileSync } from '@swc/core';

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

const root = join(__dirname, '..', '..');
let built: string | null = null;

afterAll(() => {
  if (built !== null) rmSync(built, { recursive: true, force: true });
  built = null;
});

/** Runs the rekey command as a process of its own, as bin/rekey.js does, with these variables beside a clean environment. */
export async function rekey(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const started = startRekey(args, env);
  const code = await started.ended;
  return { code, stdout: started.stdout(), stderr: started.stderr() };
}

export interface Started {
  child: ChildProcess;
  stdout: () => string;
  stderr: () => string;
  /** resolves when its output has this; rejects when it ends before */
  says: (text: RegExp) => Promise<void>;
  /** its exit code */
  ended: Promise<number | null>;
}

/** Where bin/rekey.js and what it needs lie, for a shell that is to find the command. */
export function builtProgram(): string {
  built ??= build();
  return built;
}

/** The same for a command that goes on until it is told to end. */
export function startRekey(args: string[], env: Record<string, string> = {}): Started {
  const built = builtProgram();
  const child = spawn(process.execPath, [join(built, 'bin', 'rekey.js'), ...args], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code));
  });
  const says = (text: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => text.test(stdout + stderr) && resolve();
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      ended.then((code) => reject(new Error(`it ended with ${code}: ${stderr}`)), reject);
      look();
    });
  return { child, stdout: () => stdout, stderr: () => stderr, says, ended };
}

/** The program as `npm run build` lays it out, without the type check: a second instead of many. */
function build(): string {
  const place = mkdtempSync(join(tmpdir(), 'rekey-built-'));
  const files = ['src', 'activities', 'workflows'].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(directory, file),
    ),
  );
  for (const file of [...files.filter((name) => name.endsWith('.ts')), 'worker.ts']) {
    const { code } = transformFileSync(join(root, file), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'commonjs' },
    });
    const target = join(place, 'dist', file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, code);
  }
  cpSync(join(root, 'bin'), join(place, 'bin'), { recursive: true });
  cpSync(join(root, 'package.json'), join(place, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  return place;
}
