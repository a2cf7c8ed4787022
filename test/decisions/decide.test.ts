import fc from 'fast-check';
import { decide } from '../../src/decisions/decide.js';
import type { Decision, Gate } from '../../src/decisions/model.js';
import {
  parseDecide,
  parseDecision,
  parseHold,
  parseResolution,
  parseTold,
} from '../../src/decisions/parse.js';
import { resolve } from '../../src/decisions/resolve.js';

const gate: Gate = {
  checkpoint: 'before-swap',
  opening: 7,
  planHash: '0123456789ab',
  openedAt: 1_000,
  deadline: 10_000,
  needed: 2,
  from: [],
  trust: 'declared',
  checklist: [],
  canReject: true,
  approvals: [],
  state: 'open',
  rejectedBy: null,
};
const approval: Decision = {
  decision: 'approve',
  checkpoint: 'before-swap',
  opening: 7,
  plan: '0123456789ab',
  by: 'Ann',
  reason: null,
  checklist: [],
};

test('a gate opens when as many different people have approved as it needs', () => {
  const first = decide(gate, approval, 2_000);
  expect(first).toMatchObject({ counted: true, next: { state: 'open' } });
  const second = decide(first.next, { ...approval, by: 'Bob' }, 3_000);
  expect(second).toMatchObject({ counted: true, next: { state: 'approved' } });
});

test.each([
  ['before anything is open', null, approval, 'early'],
  ['at the deadline to the millisecond', gate, approval, 'late', 10_000],
  ['for an earlier opening', gate, { ...approval, opening: 6 }, 'late'],
  ['for an opening that never was', gate, { ...approval, opening: 8 }, 'foreign'],
  ['for another checkpoint', gate, { ...approval, checkpoint: 'after-swap' }, 'foreign'],
  ['for another plan', gate, { ...approval, plan: 'ba9876543210' }, 'foreign'],
  ['without a name', gate, { ...approval, by: '  ' }, 'nameless'],
  ['of somebody who is not asked', { ...gate, from: ['bob'] }, approval, 'foreign'],
  ['with an item that is not ticked', { ...gate, checklist: ['backup seen'] }, approval, 'incomplete'],
  ['that only the client vouches for', { ...gate, trust: 'principal' as const }, approval, 'not trusted'],
  ['after the gate was decided', { ...gate, state: 'approved' as const }, approval, 'late'],
])('an approval %s opens nothing and is told why', (_when, open, decision, why, now = 2_000) => {
  const judged = decide(open, decision, now);
  expect(judged.counted).toBe(false);
  expect(judged.verdict).toContain(why);
  expect(judged.next).toBe(open);
});

test('one person with two spellings counts once', () => {
  const first = decide(gate, approval, 2_000).next;
  expect(decide(first, { ...approval, by: '  aNN ' }, 3_000)).toMatchObject({ counted: false, next: first });
});

test('names and checklist items are compared without regard to case and blanks', () => {
  const asked = { ...gate, from: ['DBA on call'], checklist: ['Backup seen'] };
  const decision = { ...approval, by: ' dba ON call', checklist: ['backup seen '] };
  expect(decide(asked, decision, 2_000).counted).toBe(true);
});

test('where the server vouches, its principal is who decided, whatever by says', () => {
  const vouched: Gate = { ...gate, trust: 'principal', from: ['ann@example.org'] };
  const judged = decide(vouched, { ...approval, by: 'the pope' }, 2_000, 'ann@example.org');
  expect(judged).toMatchObject({ counted: true, next: { approvals: [{ by: 'ann@example.org' }] } });
  expect(decide(vouched, { ...approval, by: 'ann@example.org' }, 2_000, 'eve@example.org').counted).toBe(
    false,
  );
});

test('one reject ends it; after the first drop there is nothing to reject', () => {
  const no: Decision = { ...approval, decision: 'reject' };
  expect(decide(gate, no, 2_000)).toMatchObject({
    counted: true,
    next: { state: 'rejected', rejectedBy: 'Ann' },
  });
  expect(decide({ ...gate, canReject: false }, no, 2_000).counted).toBe(false);
});

test('whatever arrives in whatever order, a gate opens only by enough timely approvals of different people', () => {
  const decisions = fc.record({
    decision: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'reject' as const),
    checkpoint: fc.constantFrom('before-swap', 'before-swap', 'after-swap'),
    opening: fc.constantFrom(6, 7, 7, 7, 8),
    plan: fc.constantFrom(gate.planHash, gate.planHash, 'ba9876543210'),
    by: fc.constantFrom('ann', 'ANN ', 'bob', 'eve', ''),
    reason: fc.constant(null),
    checklist: fc.constant<string[]>([]),
    at: fc.integer({ min: 1_000, max: 12_000 }),
  });
  fc.assert(
    fc.property(
      fc.array(decisions, { maxLength: 30 }),
      fc.integer({ min: 1, max: 3 }),
      (arriving, needed) => {
        let now: Gate | null = { ...gate, needed };
        const people = new Set<string>();
        let rejected = false;
        for (const { at, ...decision } of arriving) {
          const before: Gate | null = now;
          const judged = decide(before, decision, at);
          now = judged.next;
          const fits =
            decision.checkpoint === 'before-swap' &&
            decision.opening === 7 &&
            decision.plan === gate.planHash;
          if (judged.counted) {
            expect(fits && at < 10_000 && before?.state === 'open').toBe(true);
            if (decision.decision === 'approve') people.add(decision.by.trim().toLowerCase());
            else rejected = true;
          } else {
            expect(now).toBe(before);
          }
        }
        expect(now?.state === 'approved').toBe(!rejected && people.size >= needed);
        expect(now?.approvals.length).toBe(people.size);
      },
    ),
  );
});

test('whatever a signal carries, reading it never throws and never invents', () => {
  fc.assert(
    fc.property(fc.anything(), (input) => {
      for (const read of [
        parseDecide,
        parseResolution,
        parseHold,
        parseTold,
        (value: unknown) => parseDecision('approve', value),
      ]) {
        const parsed = read(input);
        if (!parsed.ok) expect(parsed.why.length).toBeLessThanOrEqual(400);
      }
    }),
  );
  const odd = {
    get by(): string {
      throw new Error('a getter that throws');
    },
  };
  expect(parseHold(odd).ok).toBe(false);
});

test('an unknown word in a decision is refused by name', () => {
  const parsed = parseDecision('approve', {
    checkpoint: 'before-swap',
    opening: 1,
    plan: 'x',
    by: 'ann',
    aproved: true,
  });
  expect(parsed).toMatchObject({ ok: false, why: expect.stringContaining('aproved') });
});

test('a resolution counts once, for this step, this opening, this plan and an action that is possible', () => {
  const parking = {
    step: 'map',
    opening: 3,
    planHash: 'h',
    actions: ['retry' as const],
    action: null,
    by: null,
  };
  const wish = { step: 'map', opening: 3, plan: 'h', action: 'retry' as const, by: 'ann', reason: null };
  const first = resolve(parking, wish);
  expect(first).toMatchObject({ counted: true, next: { action: 'retry', by: 'ann' } });
  expect(resolve(first.next, wish).counted).toBe(false);
  expect(resolve(null, wish).counted).toBe(false);
  expect(resolve(parking, { ...wish, action: 'rollback' }).verdict).toContain('only retry');
  expect(resolve(parking, { ...wish, opening: 2 }).counted).toBe(false);
  expect(resolve(parking, { ...wish, step: 'swapKeys' }).counted).toBe(false);
  expect(resolve(parking, { ...wish, plan: 'other' }).counted).toBe(false);
});
