// `npm run demo`: the whole reference plan under live clients.
import { runBuilt } from './run-built.mjs';

runBuilt('examples/demo/main.js');
