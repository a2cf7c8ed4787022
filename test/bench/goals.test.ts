import { clientGoals } from '../../bench/clients-page.js';
import { goalsOf } from '../../bench/goals.js';
import type { Timing } from '../../bench/load.js';
import { fraction, longest, type Measured } from '../../bench/measured.js';
import { type Protections, untouched } from '../../bench/protections.js';
import { differenceText, protectionGoals, protectionsPage } from '../../bench/protections-page.js';
import type { WriteTimes } from '../../bench/write-cost.js';

const right = { checked: 10, wrongReferences: 0, lostWrites: 0, lostRows: 0 };

function measured(more: Partial<Measured>): Measured {
  return {
    side: 'Rekey',
    rows: 1000,
    seconds: 5,
    logBytes: 1,
    cutoverMs: 40,
    swapBackMs: 60,
    longestStallMs: 120,
    longestStallAtCutoverMs: 90,
    longestStallAtSwapBackMs: 95,
    operations: 100,
    retried: 1,
    failed: 0,
    failures: [],
    verdict: right,
    afterSwapBack: right,
    mapRowsPerSecond: 1000,
    parts: [],
    ...more,
  };
}

const missed = (goals: [string, string, boolean][]) =>
  goals.filter(([, , reached]) => !reached).map(([goal, value]) => `${goal}: ${value}`);

test('the benchmark reaches its goals only where each figure of every size is within its limit', () => {
  const script = measured({ side: 'by hand', seconds: 10, longestStallMs: 90_000, cutoverMs: 90_000 });
  expect(missed(goalsOf([script, measured({})]))).toEqual([]);
  expect(missed(goalsOf([script, measured({ seconds: 5.1 })]))).toEqual([
    "time of the script's <= 0.5: 0.51",
  ]);
  expect(missed(goalsOf([script, measured({ swapBackMs: 251 })]))).toEqual([
    'locks of a cutover <= 250 ms: 251 ms',
  ]);
  expect(missed(goalsOf([script, measured({ afterSwapBack: { ...right, lostRows: 1 } })]))).toEqual([
    'lost writes <= 0: 1',
  ]);
  const larger = measured({ rows: 4000, mapRowsPerSecond: 700, verdict: { ...right, wrongReferences: 2 } });
  expect(missed(goalsOf([script, measured({}), larger]))).toEqual([
    'wrong references <= 0: 2',
    'change of rows a second from the smallest to the largest <= 25 %: 30 %',
  ]);
});

test('a stall belongs to a cutover where any of its time does, and is counted from when the operation was due', () => {
  const timing = (scheduled: number, ended: number) => ({ scheduled, ended }) as Timing;
  const cutover = [{ from: 100, to: 150 }];
  const timings = [timing(0, 90), timing(140, 200), timing(151, 161)];
  expect(longest(timings, cutover, true)).toBe(60);
  expect(longest(timings, cutover, false)).toBe(90);
});

test('a fraction of values is one of them, which so many of them do not exceed', () => {
  expect(fraction([3, 1, 2], 0.5)).toBe(2);
  expect(fraction([4, 1, 2, 3], 0.5)).toBe(2);
  const thousand = Array.from({ length: 1000 }, (_, at) => at + 1);
  expect(fraction(thousand, 0.999)).toBe(999);
  expect(fraction([7], 0.01)).toBe(7);
  expect(fraction([], 0.5)).toBeNaN();
});

test("what live clients noticed is held against the cutover's limits at a cutover only", () => {
  const good = {
    rows: 1,
    seconds: 1,
    operations: 1,
    retried: 0,
    lost: 0,
    stalls: [
      { step: 'swapKeys', phase: 'users', ms: 450, operation: 'update' },
      { step: 'map', phase: 'users', ms: 150, operation: 'update' },
    ],
    locks: [
      { step: 'swapKeysBack', ms: 200 },
      { step: 'buildTwins', ms: 4_000 },
    ],
    complaints: [],
  } as unknown as Parameters<typeof clientGoals>[0];
  expect(missed(clientGoals(good))).toEqual([]);
  const slow = { step: 'dropColumns', phase: 'users', ms: 201, operation: 'insert' };
  expect(missed(clientGoals({ ...good, stalls: [...good.stalls, slow], complaints: ['x'] }))).toEqual([
    'longest stall outside of cutovers <= 200 ms: 201 ms',
    'lost, wrong or unexplained: 1',
  ]);
});

describe('the price of protections', () => {
  const writes = (ms: number, bulk = 10): WriteTimes => ({
    insert: ms,
    'change of a reference': ms,
    'change of another column': ms,
    delete: ms,
    'insert of 2,000 rows': bulk,
  });
  const all: Protections = {
    rows: 1000,
    writes: new Map([
      [untouched, writes(1)],
      ['sync trigger', { ...writes(1.1, 99), insert: 1.26 }],
    ]),
    orchestration: { bare: [20, 21, 19], temporal: [21.3, 20.9, 21] },
    feedback: { looking: [], blind: [] },
  };

  test('the sync trigger costs what single statements take longer on average; a bulk insert has a line of its own', () => {
    expect(protectionGoals(all)[0]?.slice(1)).toEqual(['1.14 x', true]);
    expect(protectionsPage(all, 18)).toContain('| insert of 2,000 rows | 10 ms | 99 ms (9.90 x) |');
  });

  test('orchestration is compared by its medians, and the page says what it is in seconds', () => {
    expect(protectionGoals(all)[1]?.slice(1)).toEqual(['5.0 %', true]);
    expect(protectionsPage(all, 18)).toContain('The difference of the middle ones is 1.0 s');
    const slower = { ...all, orchestration: { bare: [20], temporal: [21.1] } };
    expect(protectionGoals(slower)[1]?.[2]).toBe(false);
  });
});

test('a difference that is less than that of two equal runs is called so', () => {
  expect(differenceText({ bare: [12.8, 15.2, 14.1], temporal: [13.5, 13.3, 13.3] })).toContain(
    'less than that between two runs without Temporal (2.4 s)',
  );
  expect(differenceText({ bare: [10.1, 10, 10], temporal: [11, 11.2, 11] })).toContain(
    'is 1.0 s, that of one phase',
  );
});
