import { startPostgres } from '../../src/servers/postgres.js';
import { startTemporal } from '../../src/servers/temporal.js';

/** A process that starts both servers, says which, and then waits for its end: the test ends it in several ways. */
async function main(): Promise<void> {
  const [postgres, temporal] = await Promise.all([
    startPostgres({ own: true }),
    startTemporal({ own: true }),
  ]);
  const ports = [postgres.port, Number(temporal.address.split(':')[1])];
  process.stdout.write(`${JSON.stringify({ ports })}\n`);
  setInterval(() => undefined, 1_000);
}

void main();
