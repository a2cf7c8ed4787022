import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Recorded, Results } from '../../chaos/results.js';

describe('The file of results of chaos', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-results-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const line = (what: string, seed: number, held = true): Recorded => ({
    ...{ what, seed, commit: 'abc', held },
    story: 'kept; worker killed at 5 ms for 50 ms',
    complaints: held ? '' : 'a row is gone',
  });

  test('has a round that was played, whatever came of it, and names those that are left', () => {
    const results = new Results(join(folder, 'one.tsv'));
    expect(results.next('whole', 1, 3)).toEqual([1, 2, 3]);
    for (const recorded of [line('whole', 2, false), line('clients', 1)]) results.add(recorded);
    expect(results.all()).toEqual([line('whole', 2, false), line('clients', 1)]);
    expect(results.next('whole', 1, 3)).toEqual([1, 3]);
  });

  test('takes in what other clones have played: each round once, by seed, and what held after it was mended', () => {
    const path = join(folder, 'two.tsv');
    const results = new Results(path);
    for (const recorded of [line('whole', 10, false), line('clients', 2)]) results.add(recorded);
    const other = [line('whole', 9), line('whole', 10), line('clients', 2, false), line('clients', 11)];
    expect(results.take(other)).toBe(3);
    expect(results.all()).toEqual([
      line('clients', 2),
      line('clients', 11),
      line('whole', 9),
      line('whole', 10),
    ]);
    expect(results.take(other)).toBe(0);
    expect(readFileSync(path, 'utf8').match(/^what/gm)).toHaveLength(1);
  });
});
