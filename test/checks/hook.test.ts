import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HookRequest, hookFailed, runHook } from '../../src/checks/hook.js';
import { loadHooks, readHooks } from '../../src/checks/hooks-file.js';

const request = (hook: string): HookRequest => ({
  hook,
  plan: 'testapp',
  phase: 'users',
  moment: 'before-swap',
  key: 'users/before-swap/1',
});

const run = (yaml: string, name = 'it', signal?: AbortSignal, environment?: NodeJS.ProcessEnv) =>
  runHook(readHooks(yaml, 'hooks.yaml'), request(name), undefined, signal, environment);

describe('a hook', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rekey-hooks-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('is told its plan, phase, moment and key, and no connection of the worker', async () => {
    const environment = {
      PATH: process.env.PATH,
      REKEY_CONNECTION_TARGET: 'postgres://u:secret@h/d',
      HOME: '/h',
    };
    const result = await run(
      'it: { command: [env], env: { STAGE: production } }',
      'it',
      undefined,
      environment,
    );
    expect(result).toMatchObject({ passed: true, code: 0, said: 'ended with exit code 0' });
    for (const line of [
      'REKEY_PLAN=testapp',
      'REKEY_PHASE=users',
      'REKEY_MOMENT=before-swap',
      'REKEY_KEY=users/before-swap/1',
      'STAGE=production',
    ])
      expect(result.output.split('\n')).toContain(line);
    expect(result.output).not.toContain('secret');
  });

  it('is run without a shell', async () => {
    const result = await run('it: { command: [echo, "$HOME; rm -rf *", "`id`"] }');
    expect(result.output).toBe('$HOME; rm -rf * `id`\n');
  });

  it('that ends with another exit code has failed, and the error says nothing of what it printed', async () => {
    const result = await run('it: { command: [sh, -c, "echo a secret; echo worse >&2; exit 3"] }');
    expect(result).toMatchObject({ passed: false, code: 3 });
    expect(result.output).toContain('a secret');
    expect(result.output).toContain('worse');
    const error = hookFailed(result);
    expect(error).toMatchObject({ type: 'StepFailed', code: 'hook.failed', where: 'hook it' });
    expect(error.message).toContain('ended with exit code 3');
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  it('that takes too long is ended with all that it started', async () => {
    const pid = join(directory, 'pid');
    const result = await run(
      `it: { command: [sh, -c, "sleep 60 & echo $! > ${pid}; wait"], timeout: 300ms }`,
    );
    expect(result).toMatchObject({
      passed: false,
      timedOut: true,
      said: 'took longer than 300 ms and was ended',
    });
    await gone(pid);
  });

  it('is ended when the activity is cancelled', async () => {
    const pid = join(directory, 'pid2');
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(new Error('cancelled')), 300);
    await expect(
      run(`it: { command: [sh, -c, "echo $$ > ${pid}; exec sleep 60"] }`, 'it', cancel.signal),
    ).rejects.toThrow('cancelled');
    await gone(pid);
  });

  it('may leave something running in the background', async () => {
    const pid = join(directory, 'pid3');
    const result = await run(`it: { command: [sh, -c, "sleep 60 & echo $! > ${pid}"] }`);
    expect(result.passed).toBe(true);
    const left = Number(await readFile(pid, 'utf8'));
    expect(process.kill(left, 0)).toBe(true);
    process.kill(left, 'SIGKILL');
  });

  it('that prints without end fills neither memory nor journal', async () => {
    const result = await run(
      'it: { command: [sh, -c, "head -c 5000000 /dev/zero | tr \'\\\\0\' x; echo; echo the end"] }',
    );
    expect(result.output.length).toBeLessThan(17_000);
    expect(result.output).toMatch(/^\[\d+ bytes left out\]/);
    expect(result.output).toMatch(/the end\n$/);
  });

  it('whose program is not there has failed', async () => {
    const result = await run('it: { command: [/no/such/program] }');
    expect(result).toMatchObject({ passed: false, said: 'could not be started (ENOENT)' });
  });

  it('that nobody configured is refused with the names that there are', async () => {
    const yaml = 'stop-application: { command: [a] }\nstart-application: { command: [b] }';
    await expect(run(yaml, 'stop-aplication')).rejects.toMatchObject({
      type: 'BadInput',
      code: 'hook.unknown',
      message:
        'there is no hook "stop-aplication" (did you mean stop-application?); known are: start-application, stop-application',
    });
  });

  it('gets its configuration from a file', async () => {
    const path = join(directory, 'hooks.yaml');
    await writeFile(path, 'a: { command: [x, y], timeout: 2min }\n');
    expect((await loadHooks(path)).get('a')).toEqual({ command: ['x', 'y'], timeout: 120_000, env: {} });
    expect((await loadHooks(undefined)).size).toBe(0);
    await expect(loadHooks(join(directory, 'none.yaml'))).rejects.toMatchObject({
      code: 'hook.file',
      message: expect.stringContaining('ENOENT'),
    });
  });

  it.each([
    ['a: { command: [x], timout: 3s }', '1:20', 'a.timout', 'did you mean timeout'],
    ['a: { command: [x] }\nb: { command: echo hello }', '2:6', 'b.command', 'must be a list'],
    ['a:\n  command: [x]\n  timeout: 30', '3:3', 'a.timeout', 'duration with its unit'],
    ['a:\n  command: [x]\n  timeout: 30 sec', '3:3', 'a.timeout', 'did you mean 30s'],
    ['a: { command: [x, 5] }', '1:19', 'a.command[1]', 'quotes'],
    ['a: { command: [] }', '1:6', 'a.command', 'must be a list'],
    ['a: { timeout: 3s }', '1:1', 'a.command', 'must be a list'],
    ['a: echo', '1:1', 'a', 'must be a mapping with command'],
    ['- a', '1:1', '', 'must be a mapping of hook names'],
    ['"a b": { command: [x] }', '1:1', 'a b', 'letters, digits'],
    ['a: { command: [x], env: { "A B": x } }', '1:27', 'a.env.A B', 'letters, digits'],
    ['a: { command: [x]', '1:18', '', 'not YAML'],
  ])('file with a mistake is refused with line and field: %s', (yaml, place, field, words) => {
    let caught: unknown;
    try {
      readHooks(yaml, 'hooks.yaml');
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ type: 'BadInput', code: 'hook.file' });
    const { message } = caught as Error;
    expect(message).toContain(`hooks.yaml:${place}`);
    expect(message).toContain(field);
    expect(message).toContain(words);
  });

  it('file of the example is right', () => {
    const example = join(__dirname, '../../examples/testapp/hooks.yaml');
    expect(readHooks(readFileSync(example, 'utf8'), example).has('stop-application')).toBe(true);
  });
});

async function gone(pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8'));
  for (let i = 0; i < 50; i++) {
    if (!isRunning(pid)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`process ${pid} still runs`);
}

/** A zombie that nobody has waited for yet runs no more. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
