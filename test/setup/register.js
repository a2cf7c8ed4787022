/**
 * `node -r ./test/setup/register.js something.ts`: runs TypeScript from the sources, for tests that need a process of
 * their own (one that they kill, say). jest uses the first half of it for its global setup.
 */
const Module = require('node:module');
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

// for Node './x.js' is x.js; in our sources it is x.ts
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, parent, ...rest) => {
  const ours = request.startsWith('.') && request.endsWith('.js') && /\.ts$/.test(parent?.filename ?? '');
  return resolve(ours ? `${request.slice(0, -3)}.ts` : request, parent, ...rest);
};

// a process that a test kills is started a hundred times: what has been translated once is kept
const kept = join(__dirname, '../../node_modules/.cache/rekey-ts');

function translated(filename) {
  const source = readFileSync(filename, 'utf8');
  const name = createHash('sha256').update(filename).update(source).digest('hex');
  const file = join(kept, name);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const { transformSync } = require('@swc/core');
    const { code } = transformSync(source, {
      filename,
      sourceMaps: 'inline',
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'commonjs' },
    });
    // two processes may do this at once: each writes its own file and puts it in place whole
    mkdirSync(kept, { recursive: true });
    writeFileSync(`${file}.${process.pid}`, code);
    renameSync(`${file}.${process.pid}`, file);
    return code;
  }
}

require.extensions['.ts'] ??= (module, filename) => module._compile(translated(filename), filename);
