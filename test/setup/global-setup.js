// jest compiles what this file imports, but resolves it as Node does
require('./register.js');

const { Broker } = require('./broker.ts');
const { fetchPostgresTools } = require('../../src/servers/postgres-tools.ts');

module.exports = async () => {
  globalThis.rekeyBroker = await Broker.start();
  // once a machine; tests that need pg_dump say so themselves where it can't be had
  await fetchPostgresTools();
  process.env.REKEY_TEST_BROKER = globalThis.rekeyBroker.address;
};
