import { type RangeProgress, tableProgress } from '../../src/report/progress.js';

const now = new Date('2026-05-01T12:00:00Z');
const range = (over: Partial<RangeProgress>): RangeProgress => ({
  table: 'users',
  rowsDone: 1000,
  rowsTotal: 4000,
  seconds: 2,
  done: false,
  updatedAt: now,
  ...over,
});

test('ranges that run side by side add their speed', () => {
  expect(tableProgress([range({}), range({})], now)).toEqual([
    { table: 'users', rowsDone: 2000, rowsTotal: 8000, rowsPerSecond: 1000, secondsLeft: 6 },
  ]);
});

test('a range that has stood still tells no speed of its own: the average so far does', () => {
  const old = new Date(now.getTime() - 120_000);
  const [users] = tableProgress([range({ updatedAt: old })], now);
  expect(users).toMatchObject({ rowsPerSecond: 500, secondsLeft: 6 });
});

test('before the first batch there is no time left to tell', () => {
  const [users] = tableProgress([range({ rowsDone: 0, seconds: 0 })], now);
  expect(users).toMatchObject({ rowsPerSecond: 0, secondsLeft: null });
});

test('an estimate that was wrong never shows more than all, and a table that is done has nothing left', () => {
  const [low] = tableProgress([range({ rowsDone: 5000 })], now);
  expect(low).toMatchObject({ rowsDone: 5000, rowsTotal: 5000 });
  const [high] = tableProgress([range({ done: true })], now);
  expect(high).toMatchObject({ rowsDone: 1000, rowsTotal: 1000, secondsLeft: 0 });
});
