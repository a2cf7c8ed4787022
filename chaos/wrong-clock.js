/**
 * `node -r ./chaos/wrong-clock.js`: a machine whose clock is wrong by REKEY_CLOCK_WRONG_BY milliseconds. Only what asks
 * for the time sees it; timers run as fast as ever.
 */
const by = Number(process.env.REKEY_CLOCK_WRONG_BY || 0);
const RealDate = Date;
const now = RealDate.now;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [now() + by] : given));
  }
  static now() {
    return now() + by;
  }
};
