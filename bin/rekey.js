#!/usr/bin/env node
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const program = join(__dirname, '..', 'dist', 'src', 'cli', 'main.js');
if (existsSync(program)) {
  require(program);
} else {
  console.error(
    'rekey is not built: run `npm run build` in its directory (`npm install` does so by itself).',
  );
  process.exitCode = 2;
}
