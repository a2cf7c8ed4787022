import fc from 'fast-check';
import type { Window } from '../../src/plan/model.js';
import { windowState } from '../../src/plan/window.js';

const minute = 60_000;
const at = (iso: string) => Date.parse(iso);
const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().replace('.000', ''));
const allDays: Window['days'] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const weekend: Window = { days: ['sat', 'sun'], from: '22:00', to: '04:00', zone: 'Europe/Berlin' };

function state(window: Window | null, now: string, within = 10 * minute) {
  const { open, opensAt, closesAt } = windowState(window, at(now), within);
  return { open, opensAt: iso(opensAt), closesAt: iso(closesAt) };
}

test('without a window a cutover may begin at any time', () => {
  expect(state(null, '2026-07-01T12:00:00Z')).toEqual({ open: true, opensAt: null, closesAt: null });
});

test('a window over midnight belongs to the day on which it begins', () => {
  // Saturday 2026-07-04; Berlin is two hours ahead
  expect(state(weekend, '2026-07-04T19:59:00Z')).toEqual({
    open: false,
    opensAt: '2026-07-04T20:00:00Z',
    closesAt: '2026-07-05T02:00:00Z',
  });
  expect(state(weekend, '2026-07-05T01:00:00Z')).toMatchObject({
    open: true,
    closesAt: '2026-07-05T02:00:00Z',
  });
  expect(state(weekend, '2026-07-06T01:00:00Z')).toMatchObject({ open: true });
  expect(state(weekend, '2026-07-07T01:00:00Z')).toMatchObject({
    open: false,
    opensAt: '2026-07-11T20:00:00Z',
  });
});

test('a window with too little left counts as closed until the next', () => {
  expect(state(weekend, '2026-07-05T01:50:00Z')).toMatchObject({ open: true });
  expect(state(weekend, '2026-07-05T01:50:01Z')).toMatchObject({
    open: false,
    opensAt: '2026-07-05T20:00:00Z',
  });
  expect(state(weekend, '2026-07-04T20:00:00Z', 7 * 60 * minute)).toEqual({
    open: false,
    opensAt: null,
    closesAt: null,
  });
});

test('a window of every hour never closes, not even at midnight', () => {
  const always: Window = { days: allDays, from: '00:00', to: '24:00', zone: 'Europe/Berlin' };
  for (const now of [
    '2026-03-28T22:59:59Z',
    '2026-03-29T01:00:00Z',
    '2026-10-25T00:30:00Z',
    '2026-07-01T21:59:30Z',
  ]) {
    expect(state(always, now)).toEqual({ open: true, opensAt: null, closesAt: null });
  }
});

test('days that touch are one window', () => {
  const days: Window = { days: ['sat', 'sun'], from: '00:00', to: '24:00', zone: 'UTC' };
  expect(state(days, '2026-07-04T23:59:00Z')).toEqual({
    open: true,
    opensAt: null,
    closesAt: '2026-07-06T00:00:00Z',
  });
});

test('an hour that comes twice opens a window in its second and closes one in its first', () => {
  // Berlin, 2026-10-25: 02:00 to 03:00 comes at 00:00Z and again at 01:00Z
  const from: Window = { days: ['sun'], from: '02:30', to: '05:00', zone: 'Europe/Berlin' };
  expect(state(from, '2026-10-25T00:00:00Z')).toMatchObject({ open: false, opensAt: '2026-10-25T01:30:00Z' });
  const to: Window = { days: ['sun'], from: '00:00', to: '02:30', zone: 'Europe/Berlin' };
  expect(state(to, '2026-10-24T23:00:00Z')).toMatchObject({ open: true, closesAt: '2026-10-25T00:30:00Z' });
});

test('an hour that is left out opens a window after it and closes one before it', () => {
  // Berlin, 2026-03-29: 02:00 to 03:00 does not come; 03:00 is 01:00Z
  const from: Window = { days: ['sun'], from: '02:30', to: '05:00', zone: 'Europe/Berlin' };
  expect(state(from, '2026-03-29T00:00:00Z')).toMatchObject({ open: false, opensAt: '2026-03-29T01:30:00Z' });
  const to: Window = { days: ['sun'], from: '00:00', to: '02:30', zone: 'Europe/Berlin' };
  expect(state(to, '2026-03-28T23:30:00Z')).toMatchObject({ open: true, closesAt: '2026-03-29T00:30:00Z' });
});

test('whatever the window and the moment, it is open when it says that it opens, and not just before it', () => {
  const time = fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`);
  const window = fc
    .record({
      days: fc.uniqueArray(fc.constantFrom(...allDays), { minLength: 1 }),
      from: time,
      to: time,
      zone: fc.constantFrom(
        'UTC',
        'Europe/Berlin',
        'America/St_Johns',
        'Australia/Lord_Howe',
        'Pacific/Apia',
        'Asia/Kathmandu',
      ),
    })
    .filter((w) => w.from !== w.to);
  fc.assert(
    fc.property(
      window,
      fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') }),
      (w, now) => {
        const { open, opensAt, closesAt } = windowState(w, now, minute);
        if (opensAt !== null) {
          expect(opensAt).toBeGreaterThan(now);
          expect(windowState(w, opensAt, minute).open).toBe(true);
          expect(windowState(w, opensAt - 1, minute).open).toBe(false);
        }
        if (open && closesAt !== null) {
          expect(windowState(w, closesAt - minute, minute).open).toBe(true);
          expect(windowState(w, closesAt - minute + 1, minute).open).toBe(false);
        }
      },
    ),
    { numRuns: 300 },
  );
});
