import { dueAgain, fewTables } from '../../src/decisions/tell-rows.js';

const table = (name: string, rowsDone: number) => ({
  table: name,
  rowsDone,
  rowsTotal: 100,
  rowsPerSecond: 0,
  secondsLeft: null,
});

test('tables under way are told of first, those that are done last, and never more than ten', () => {
  expect(fewTables([table('done', 100), table('to come', 0), table('under way', 3)])).toEqual([
    table('under way', 3),
    table('to come', 0),
    table('done', 100),
  ]);
  const many = Array.from({ length: 40 }, (_, at) => table(`done ${at}`, 100));
  const few = fewTables([...many, table('under way', 3)]);
  expect(few).toHaveLength(10);
  expect(few[0]?.table).toBe('under way');
});

test('a map of an hour tells of rows every 30 s, one of three days not even 600 times', () => {
  const times = (hours: number) => {
    const told = { first: 0, last: 0 };
    let count = 1;
    for (let now = 0; now < hours * 3_600_000; now += 1_000) {
      if (!dueAgain(told, now, 30_000)) continue;
      told.last = now;
      count += 1;
    }
    return count;
  };
  expect(times(0.5)).toBe(60);
  expect(times(72)).toBeGreaterThan(400);
  expect(times(72)).toBeLessThan(600);
});
