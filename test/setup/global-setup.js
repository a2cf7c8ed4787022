// jest compiles what this file imports, but resolves it as Node does
require('./register.js');

const { Broker } = require('./broker.ts');

module.exports = async () => {
  globalThis.rekeyBroker = await Broker.start();
  process.env.REKEY_TEST_BROKER = globalThis.rekeyBroker.address;
};
