/**
 * `node -r ./test/setup/register.js something.ts`: runs TypeScript from the sources, for tests that need a process of
 * their own (one that they kill, say). jest uses the first half of it for its global setup.
 */
const Module = require('node:module');
const { readFileSync } = require('node:fs');

// for Node './x.js' is x.js; in our sources it is x.ts
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, parent, ...rest) => {
  const ours = request.startsWith('.') && request.endsWith('.js') && /\.ts$/.test(parent?.filename ?? '');
  return resolve(ours ? `${request.slice(0, -3)}.ts` : request, parent, ...rest);
};

require.extensions['.ts'] ??= (module, filename) => {
  const { transformSync } = require('@swc/core');
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    sourceMaps: 'inline',
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  module._compile(code, filename);
};
