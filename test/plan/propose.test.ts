import fc from 'fast-check';
import { checkPlanAgainst } from '../../src/plan/check-catalog.js';
import { integerKeysInNoPhase } from '../../src/plan/domains.js';
import { loadPlanText } from '../../src/plan/load.js';
import type { TablesPhase } from '../../src/plan/model.js';
import { proposePlan } from '../../src/plan/propose.js';
import { factsOf } from './facts.js';

function phasesOf(yaml: string): Record<string, string[]> {
  const plan = loadPlanText(yaml, 'proposed.yaml');
  const tables = plan.phases.filter((p): p is TablesPhase => p.kind === 'tables');
  return Object.fromEntries(tables.map((p) => [p.phase, p.tables.map((t) => t.table)]));
}

const musicShop = factsOf({
  artist: 'artist_id*, name text',
  album: 'album_id*, artist_id > artist',
  genre: 'genre_id*',
  media_type: 'media_type_id*',
  employee: 'employee_id*, reports_to null > employee',
  customer: 'customer_id*, support_rep_id null > employee',
  invoice: 'invoice_id*, customer_id > customer',
  track: 'track_id*, album_id null > album, genre_id null > genre, media_type_id > media_type',
  invoice_line: 'invoice_line_id*, invoice_id > invoice, track_id > track',
  playlist: 'playlist_id*',
  playlist_track: 'playlist_id* > playlist, track_id* > track',
});

test('tables come in the order of their references, and keys made of references are left to follow', () => {
  const yaml = proposePlan(musicShop, 'chinook');
  expect(Object.values(phasesOf(yaml))).toEqual([
    ['artist', 'employee', 'genre', 'media_type', 'playlist'],
    ['album', 'customer'],
    ['invoice', 'track'],
    ['invoice_line'],
  ]);
  expect(Object.keys(phasesOf(yaml))[0]).toBe('leaf-tables');
  expect(yaml).toContain('#   playlist_track: its key (playlist_id, track_id) is made of references');
  expect(checkPlanAgainst(loadPlanText(yaml, 'x'), musicShop)).toBeNull();
  expect(integerKeysInNoPhase(loadPlanText(yaml, 'x'), musicShop)).toEqual([]);
});

test('natural text keys are left alone, and a comment says so', () => {
  const facts = factsOf({
    customers: 'customer_id* text',
    orders: 'order_id* smallint, customer_id text > customers',
  });
  const yaml = proposePlan(facts, 'northwind');
  expect(phasesOf(yaml)).toEqual({ 'leaf-tables': ['orders'] });
  expect(yaml).toContain('#   customers: its key customer_id has the type text and stays');
});

test('tables that refer to each other in a circle are in one phase', () => {
  const facts = factsOf({
    users: 'user_id*, lob_id null > lobs',
    lobs: 'lob_id*, head_user_id null > users',
    prefs: 'user_id* > users',
    notes: 'id*, user_id > users',
  });
  const yaml = proposePlan(facts, 'circle');
  expect(Object.values(phasesOf(yaml))).toEqual([['lobs', 'users'], ['notes']]);
});

test('version 7 takes its order from the column that most tables have, and is not proposed where there is none', () => {
  expect(proposePlan(musicShop, 'x')).toContain('keys: { version: 4 }');
  expect(proposePlan(factsOf({ a: 'id*, created_at timestamptz' }), 'x')).toContain(
    'keys: { version: 7, time: created_at }',
  );
});

test('whatever the tables are called and however they refer to each other, the proposal loads and checks', () => {
  const names = ['a', 'Order', 'null', 'crm.a', 'with blank', 'ünï', '"a.b"', 'off', 'x-y', 'n7'];
  const table = fc.record({
    key: fc.constantFrom('integer', 'bigint', 'text', 'uuid'),
    shared: fc.boolean(),
    to: fc.array(fc.nat(9)),
  });
  fc.assert(
    fc.property(fc.array(table, { minLength: 1, maxLength: names.length }), (tables) => {
      const targets = (to: number[]) =>
        [...new Set(to)].filter((i) => i < tables.length && !names[i]!.includes(' '));
      const facts = factsOf(
        Object.fromEntries(
          tables.map(({ key, shared, to }, i) => {
            const refs = targets(to);
            const parent = refs.find((j) => j < i && tables[j]!.key === key);
            const own = shared && parent !== undefined ? `id* ${key} > ${names[parent]}` : `id* ${key}`;
            const rest = refs.map((j) => `r${j} ${tables[j]!.key} null > ${names[j]}`);
            return [names[i]!, [own, ...rest].join(', ')];
          }),
        ),
      );
      const plan = loadPlanText(proposePlan(facts, 'any thing'), 'proposed.yaml');
      expect(checkPlanAgainst(plan, facts)?.message ?? null).toBeNull();
      expect(integerKeysInNoPhase(plan, facts)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
