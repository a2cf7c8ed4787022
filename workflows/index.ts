/** What the worker's bundle begins with: the three workflow types, and nothing else. */
export { rollBackPhase } from './roll-back-phase.js';
export { runMigration } from './run-migration.js';
export { runPhase } from './run-phase.js';
