import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { testappDirectory } from '../../examples/testapp/database.js';
import { startHookServer } from '../../examples/testapp/hooks/server.js';
import { readHooks } from '../../src/checks/hooks-file.js';
import { loadPlanText } from '../../src/plan/load.js';
import { runCommand } from '../../src/run-command.js';

const directory = testappDirectory();
const hooks = readHooks(readFileSync(join(directory, 'hooks.yaml'), 'utf8'), 'hooks.yaml');
const plan = loadPlanText(readFileSync(join(directory, 'plan.yaml'), 'utf8'), 'plan.yaml');

async function run(hook: string, url: string) {
  const [command, script, ...args] = hooks.get(hook)?.command ?? [];
  return runCommand({
    command: command === 'node' ? process.execPath : String(command),
    args: [join(dirname(dirname(directory)), String(script)), ...args],
    env: { TESTAPP_URL: url, REKEY_PHASE: 'users', REKEY_CONNECTION_TESTAPP: 'postgres://secret' },
    timeout: 20_000,
    keep: 10_000,
  });
}

describe('The hooks of the reference plan', () => {
  it('are configured, each one that the plan names', () => {
    const named = plan.phases.flatMap((phase) => [
      ...Object.values(phase.hooks),
      ...phase.checks.flatMap((check) => ('hook' in check.what ? [check.what.hook] : [])),
    ]);
    expect(named.length).toBeGreaterThan(5);
    expect([...hooks.keys()].sort()).toEqual([...new Set(named)].sort());
  });

  it('reach the application, and hand on no connection string', async () => {
    const server = await startHookServer();
    try {
      expect((await run('stop-application', server.url)).code).toBe(0);
      expect(server.calls).toEqual([
        {
          at: expect.any(Number),
          method: 'POST',
          path: '/hooks/stop-application',
          body: { REKEY_PHASE: 'users' },
        },
      ]);
    } finally {
      await server.close();
    }
  });

  it('fail where the application says no, or nothing', async () => {
    const server = await startHookServer();
    server.answer('/hooks/old-token', 401);
    expect((await run('old-token', server.url)).code).toBe(1);
    await server.close();
    expect((await run('old-token', server.url)).code).toBe(1);
  });

  it('have a stand-in that answers every HTTP check of the plan as it expects', async () => {
    const server = await startHookServer();
    try {
      const checks = plan.phases.flatMap((phase) => phase.checks.map((check) => check.what));
      const http = checks.flatMap((what) => ('http' in what ? [what.http] : []));
      expect(http.length).toBeGreaterThan(2);
      for (const { method, url, body, expect: status } of http) {
        const response = await fetch(url.replace('${TESTAPP_URL}', server.url), {
          method: method.toUpperCase(),
          body: body === undefined || body === null ? undefined : JSON.stringify(body),
        });
        expect(response.status).toBe(status);
      }
    } finally {
      await server.close();
    }
  });
});
