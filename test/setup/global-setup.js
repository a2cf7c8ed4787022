/**
 * jest compiles this file's imports but resolves them with Node's own resolver, for which './x.js' is not x.ts:
 * this teaches it so, for our sources only.
 */
const Module = require('node:module');

const resolve = Module._resolveFilename;
Module._resolveFilename = (request, parent, ...rest) => {
  const ours = request.startsWith('.') && request.endsWith('.js') && /\.ts$/.test(parent?.filename ?? '');
  return resolve(ours ? `${request.slice(0, -3)}.ts` : request, parent, ...rest);
};

const { Broker } = require('./broker.ts');

module.exports = async () => {
  globalThis.rekeyBroker = await Broker.start();
  process.env.REKEY_TEST_BROKER = globalThis.rekeyBroker.address;
};
