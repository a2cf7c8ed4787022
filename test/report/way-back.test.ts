import { wayBackByJournal } from '../../src/report/way-back.js';

const users = { phase: 'users', kind: 'tables', position: 1, state: 'done' as const, cutOver: true };
const orders = { phase: 'orders', kind: 'tables', position: 2, state: 'done' as const, cutOver: true };
const cleanup = { phase: 'cleanup', kind: 'cleanup', position: 3, state: 'open' as const, cutOver: false };

test('the newest phase can be rolled back', () => {
  expect(wayBackByJournal(orders, [users, orders], ['cut-over'], false).open).toBe(true);
});

test('a phase before it has to wait for it, unless that one was rolled back', () => {
  expect(wayBackByJournal(users, [users, orders], ['cut-over'], false)).toEqual({
    open: false,
    because: 'orders came later and must be rolled back first',
  });
  expect(
    wayBackByJournal(users, [users, { ...orders, state: 'rolled-back' }], ['cut-over'], false).open,
  ).toBe(true);
});

test('cleanup can be undone until its first drop, and so can nothing else after it', () => {
  expect(wayBackByJournal(cleanup, [users, orders, cleanup], [], false).open).toBe(true);
  expect(wayBackByJournal(cleanup, [users, orders, cleanup], [], true).open).toBe(false);
  expect(wayBackByJournal({ ...cleanup, state: 'done' }, [cleanup], [], true).open).toBe(false);
  expect(wayBackByJournal(orders, [users, orders], ['cleaned'], false).open).toBe(false);
});
