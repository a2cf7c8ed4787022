import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Kept } from '../promises/model.js';
import { root, textOf } from './tracked.js';

const lists = readdirSync(join(root, 'test/promises'))
  .filter((file) => file !== 'model.ts')
  .map((file) => ({ file, promises: require(`../promises/${file}`).promises as Kept[] }));

/** A title in the source may break over lines and stand in any quotes. */
function holds(source: string, title: string): boolean {
  const plain = (text: string) => text.replaceAll(/\\(['`"$])/g, '$1').replaceAll(/\s+/g, ' ');
  return plain(source).includes(plain(title));
}

test('every test that a promise names is there, with this very title', () => {
  const missing = lists.flatMap(({ file, promises }) =>
    promises.flatMap(({ promise, tests }) => [
      ...(tests.length === 0 ? [`${file}: nothing shows that ${promise}`] : []),
      ...tests
        .filter(([path, title]) => !holds(textOf(path), title))
        .map(([path, title]) => `${file}: ${path} has no test ${title}`),
    ]),
  );
  expect(missing).toEqual([]);
});

test('docs/reliability.md has every promise', () => {
  // the page is made of this very run, after it
  if (process.env.REKEY_RELIABILITY === 'write') return;
  const docs = textOf('docs/reliability.md').replaceAll('\\|', '|').replaceAll('&lt;', '<');
  const missing = lists.flatMap(({ promises }) =>
    promises
      .map(({ promise }) => promise.replaceAll(/\s+/g, ' '))
      .filter((promise) => !docs.includes(promise)),
  );
  expect(missing).toEqual([]);
});
