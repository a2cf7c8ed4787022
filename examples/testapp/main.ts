import { parseArgs } from 'node:util';
import { createTestapp } from './database.js';

const usage = `usage: main.js [--rows 200000] [--seed 7] [--database testapp] URL
Makes the reference database on the server at URL (a superuser's connection string).
TESTAPP_PASSWORD: the password that its roles get, where the server asks for one.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: '200000' },
      seed: { type: 'string', default: '7' },
      database: { type: 'string', default: 'testapp' },
    },
  });
  const [url] = positionals;
  const rows = Number(values.rows);
  const seed = Number(values.seed);
  if (!url || positionals.length > 1 || !Number.isSafeInteger(rows) || !Number.isSafeInteger(seed)) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  const started = performance.now();
  await createTestapp(url, values.database, { rows, seed, password: process.env.TESTAPP_PASSWORD });
  console.log(
    `${values.database}: about ${rows} rows, seed ${seed}, ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
