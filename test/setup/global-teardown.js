module.exports = async () => {
  await globalThis.rekeyBroker?.stop();
};
