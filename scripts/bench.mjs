// `npm run bench`: Rekey against a hand-written script.
import { runBuilt } from './run-built.mjs';

runBuilt('bench/main.js');
