// `npm run chaos`: kills and cuts at random moments while a plan runs under live clients.
import { runBuilt } from './run-built.mjs';

runBuilt('chaos/main.js');
