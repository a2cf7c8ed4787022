import { parseDecide, parseDecision, parseHold } from '../../src/decisions/parse.js';

const why = (parsed: { ok: boolean }) => ('why' in parsed ? parsed.why : 'it can be read');

test('what is missing or of another type is said in words for people, with the field', () => {
  expect(why(parseDecision('approve', { checkpoint: 'after', opening: '1', by: null }))).toBe(
    'opening: must be a number, not a string; plan: is missing, must be a string; by: must be a string, not null',
  );
  expect(why(parseDecide({ decision: 'yes' }))).toMatch(/^decision: must be one of "approve", "reject"; /);
  expect(why(parseHold('ann'))).toBe('must be an object, not a string');
  expect(why(parseHold(undefined))).toBe('is missing, must be an object');
});

test('a word too many is named, and a blank name is none', () => {
  expect(why(parseHold({ by: 'ann', whi: 'x' }))).toContain('"whi"');
  expect(why(parseHold({ by: ' ' }))).toBe('by: must name who decides');
});
