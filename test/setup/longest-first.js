const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { default: Sequencer } = require('@jest/test-sequencer');

/** Files that take more than 40 s each of a quiet machine with two cores, the longest first. */
const longest = [
  'fire/chaos',
  'activities/round-trip',
  'e2e/reference-plan',
  'activities/real-databases',
  'e2e/incidents',
  'fire/boundaries',
  'e2e/recovery',
  'activities/random-schemas',
  'fire/lock-budget',
  'fire/clients',
  'checks/reference-plan',
  'backup/backup',
  'workflows/forgotten',
  'workflows/terminate',
  'workflows/resets',
  'fire/boundaries-restarts',
  'activities/twice',
  'workflows/cancel',
].map((name) => join(__dirname, '..', `${name}.test.ts`));

/**
 * The longest files begin, so that none of them is left alone at the end of a run. jest orders by what files took the last
 * time, which a new machine does not know; without that it goes by their size, which says little here.
 */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const gone = longest.filter((path) => !existsSync(path));
    if (gone.length > 0) throw new Error(`test/setup/longest-first.js names what is no more: ${gone}`);
    const place = ({ path }) => (longest.includes(path) ? longest.indexOf(path) : longest.length);
    return super.sort(tests).sort((a, b) => place(a) - place(b));
  }
};
