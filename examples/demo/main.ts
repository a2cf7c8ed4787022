import { readFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { Client as Postgres } from 'pg';
import { whatItDoes } from '../../src/decisions/what-it-does.js';
import { type LiveClients, startClients } from '../testapp/clients/clients.js';
import { checkAcknowledged } from '../testapp/clients/ledger.js';
import { type Census, readJournalFigures, takeCensus } from './metrics.js';
import { Operator } from './operator.js';
import { demoOptions, usage } from './options.js';
import { type Stage, setStage } from './stage.js';
import { count, ms, table } from './table.js';
import { lineOf, watchMigration } from './watch.js';

const workflowId = 'testapp';

async function main(): Promise<void> {
  const options = demoOptions(process.argv.slice(2));
  if (options === null) return console.log(usage);
  const root = process.cwd();
  const say = clock();
  let stage: Stage | null = null;
  let strike = async () => {};
  let ending: Promise<void> | null = null;
  // asked for more than once (Ctrl-C twice, npm's own signal): the first one counts
  const end = (code: number): Promise<void> => {
    ending ??= (async () => {
      await strike();
      process.exit(code);
    })();
    return ending;
  };
  process.on('SIGINT', () => void end(130));
  process.on('SIGTERM', () => void end(143));
  try {
    stage = await setStage({
      ...options,
      root,
      say,
      begun: (all) => {
        strike = all;
      },
    });
    const good = await play(stage, options, say);
    if (options.keep) await leaveOpen(stage);
    await end(good ? 0 : 1);
  } catch (error) {
    // what breaks off because the servers are being ended is no news
    if (ending) return ending;
    say(`the demonstration ended early: ${error instanceof Error ? error.message : error}`);
    if (stage && options.keep) {
      say(`the worker's log: ${stage.workerLog}`);
      await leaveOpen(stage);
    } else if (stage) {
      // the log goes with all else
      const lines = readFileSync(stage.workerLog, 'utf8').trim().split('\n').slice(-15);
      say(`the end of the worker's log (--keep leaves it where it is):\n${lines.join('\n')}`);
    }
    await end(1);
  }
}

async function play(
  stage: Stage,
  options: { rate: number; seed: number; interactive: boolean },
  say: (text: string) => void,
): Promise<boolean> {
  const before = await takeCensus(stage.testapp.superuser);
  say(
    `${count(before.rows)} rows in ${before.tables} tables, ${before.foreignKeys} foreign keys; ${options.rate} client operations a second from now on`,
  );
  const clients = await startClients({
    url: stage.testapp.app,
    tenantUrl: stage.testapp.tenant,
    rate: options.rate,
    connections: 6,
    seed: options.seed,
  });
  const operator = new Operator(stage.shell, (text) => say(`\n  ${text}\n`));
  const began = Date.now();
  try {
    await operator.type(
      `temporal workflow start --type runMigration --task-queue rekey --workflow-id ${workflowId} --fail-existing --input '{"plan":"testapp","connection":"testapp"}'`,
    );
    const { status, ended } = await follow(stage, operator, options.interactive, say);
    const seconds = (Date.now() - began) / 1000;
    // a workflow that failed tells nobody its state any more
    const outcome = ended === 'COMPLETED' ? status.state : ended.toLowerCase();
    say(`the migration is ${outcome} after ${seconds.toFixed(0)} s`);
    const good = await conclude(stage, clients, before, say);
    return good && (outcome === 'done' || (options.interactive && ended !== 'FAILED'));
  } finally {
    await clients.stop().catch(() => undefined);
  }
}

async function follow(
  stage: Stage,
  operator: Operator,
  interactive: boolean,
  say: (text: string) => void,
): ReturnType<typeof watchMigration> {
  const connection = await Connection.connect({ address: stage.temporal.address });
  const client = new Client({ connection, namespace: stage.temporal.namespace });
  const asked = new Set<string>();
  let retries = 0;
  try {
    return await watchMigration(client, workflowId, {
      change: (status) => {
        const line = lineOf(status);
        if (line !== null) say(line);
      },
      waiting: async (status) => {
        const { checkpoint, failure, next, phase, state } = status;
        const key = `${phase} ${state} ${checkpoint?.opening ?? ''} ${checkpoint?.approvals.length ?? ''} ${next[0] ?? ''}`;
        // decided already, and about to go on
        if (asked.has(key) || !next.some((text) => / --name (approve|resolve) /.test(text))) return;
        asked.add(key);
        if (failure) say(`${failure.step} parked: ${failure.message}\n       ${failure.remedy}`);
        if (interactive)
          return say(
            `${phase} waits for you. Type one of these in another shell:\n\n${typed(stage, next)}\n`,
          );
        const approve = next.find((text) => text.includes('--name approve'));
        if (approve) return void (await operator.type(approve));
        // a busy machine answers a probe late now and then: an operator would look again before giving up
        const retry = next.find((text) => text.includes('"action":"retry"'));
        if (state !== 'parked') return;
        if (!retry || failure?.code !== 'validate.ask' || retries++ >= 3)
          throw new Error(`${phase} parked at ${status.step}`);
        await operator.type(retry);
      },
    });
  } finally {
    await connection.close();
  }
}

/** Commands as they can be pasted into a shell that knows nothing yet. */
function typed(stage: Stage, commands: string[]): string {
  const lines = commands.map((text) => `  # ${whatItDoes(text)}\n  ${text}`);
  return `${shellOf(stage)}\n\n${lines.join('\n\n')}`;
}

function shellOf({ shell, cliDirectory }: Stage): string {
  // the commands name a namespace of their own; a shell that has another one would lead elsewhere
  const isDefault = shell.TEMPORAL_NAMESPACE === 'default' && !process.env.TEMPORAL_NAMESPACE;
  const names = ['TEMPORAL_ADDRESS', ...(isDefault ? [] : ['TEMPORAL_NAMESPACE'])];
  return [
    ...(cliDirectory === null ? [] : [`  export PATH="${cliDirectory}:$PATH"`]),
    ...[...names, 'REKEY_CONNECTION_TESTAPP', 'REKEY_PLANS'].map(
      (name) => `  export ${name}='${shell[name]}'`,
    ),
  ].join('\n');
}

async function conclude(
  stage: Stage,
  clients: LiveClients,
  before: Census,
  say: (text: string) => void,
): Promise<boolean> {
  const report = await clients.stop();
  const client = new Postgres({ connectionString: stage.testapp.app });
  // a server that ends meanwhile is told by the query, and must not end the process
  client.on('error', () => undefined);
  await client.connect();
  const check = await checkAcknowledged(client, clients.ledger).finally(() => client.end());
  const after = await takeCensus(stage.testapp.superuser);
  const figures = await readJournalFigures(stage.testapp.owner);
  const lost = check.missing.length + check.returned.length + check.changed.length;
  say('how it went:');
  console.log(
    table([
      ['rows before', count(before.rows)],
      ['rows after (clients wrote meanwhile)', count(after.rows)],
      ['foreign keys moved', `${after.uuidForeignKeys} of ${after.foreignKeys}`],
      ['orphans', count(after.orphans)],
      ['client operations', count(report.operations)],
      ['  retried once at a cutover', count(report.retried)],
      ['  failed', count(report.failed)],
      ['writes acknowledged, compared by value', count(check.checked)],
      ['lost or changed writes', count(lost)],
      ['longest lock', ms(figures.longestLockMs)],
      ['longest client stall', ms(report.longestStallMs)],
      ...figures.probes.map((p): [string, string] => [
        `probe: ${p.probe}`,
        `${ms(p.before)} -> ${ms(p.after)}`,
      ]),
    ]),
  );
  for (const failure of report.failures.slice(0, 5))
    say(`failed: ${failure.operation} ${failure.code} ${failure.message}`);
  for (const name of [...check.missing, ...check.returned, ...check.changed].slice(0, 5))
    say(`lost or changed: ${name}`);
  return lost === 0 && report.failed === 0 && after.orphans === 0;
}

async function leaveOpen(stage: Stage): Promise<void> {
  console.log(`
The servers stay up until Ctrl-C.
  Web UI     ${stage.temporal.uiUrl ?? 'of your own server'}
  database   ${stage.psql ? `${stage.psql} ` : ''}'${stage.testapp.owner}'

In another shell, from the directory of the clone:
${shellOf(stage)}

  npx rekey status testapp
  npx rekey findings testapp
  temporal workflow list
  temporal workflow query --workflow-id ${workflowId} --type status
  temporal workflow result --workflow-id ${workflowId}`);
  await new Promise(() => undefined);
}

function clock(): (text: string) => void {
  const began = Date.now();
  return (text) => {
    const seconds = Math.round((Date.now() - began) / 1000);
    const time = `${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}`;
    console.log(text.startsWith('\n') ? text : `${time}  ${text}`);
  };
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? `${error.message}\n\n${usage}` : error);
  process.exitCode = 1;
});
