import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { startClients } from './clients.js';
import { checkAcknowledged } from './ledger.js';

const usage = `usage: clients/main.js [--rate 200] [--connections 8] [--seed 1] [--tenant URL] [--report FILE] URL
Works on the reference database as testapp_app at URL until SIGINT or SIGTERM; says every ten seconds how it goes. Then
compares the database with what was acknowledged. Exit code 1: an operation failed, or something is not as it was.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rate: { type: 'string', default: '200' },
      connections: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      tenant: { type: 'string' },
      report: { type: 'string' },
    },
  });
  const [url] = positionals;
  const [rate, connections, seed] = [values.rate, values.connections, values.seed].map(Number) as [
    number,
    number,
    number,
  ];
  if (!url || !(rate > 0) || !(connections >= 1) || !Number.isSafeInteger(seed)) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }

  const clients = await startClients({ url, tenantUrl: values.tenant, rate, connections, seed });
  const ticker = setInterval(() => {
    const { operations, retried, failed, longestStallMs } = clients.stats();
    console.log(
      `${operations} operations, ${retried} retried, ${failed} failed, longest stall ${Math.round(longestStallMs)} ms`,
    );
  }, 10_000);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  clearInterval(ticker);
  const report = await clients.stop();

  const client = new Client({ connectionString: url });
  // a server that ends meanwhile is told by the query, and must not end the process
  client.on('error', () => undefined);
  await client.connect();
  try {
    const check = await checkAcknowledged(client, clients.ledger);
    if (values.report) await writeFile(values.report, JSON.stringify({ report, check }, null, 2));
    const { timeline, slowest, byOperation, ...summary } = report;
    console.log(JSON.stringify({ ...summary, check }, null, 2));
    const lost = check.missing.length + check.returned.length + check.changed.length;
    process.exitCode = report.failed + lost > 0 ? 1 : 0;
  } finally {
    await client.end();
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
