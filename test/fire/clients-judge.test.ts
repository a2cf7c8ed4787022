import {
  type Event,
  noStall,
  stalls,
  unexplained,
  withoutColumns,
  withoutSwapBack,
  withoutTwin,
} from '../../chaos/clients/journal-times.js';

const event = (step: string, from: number, more: Partial<Event> = {}): Event => ({
  phase: 'clients',
  step,
  from,
  to: from + 10,
  changes: 'nothing',
  makes: null,
  drops: null,
  ends: false,
  ...more,
});

const retry = (since: number, until: number, everything = false) => ({
  operation: 'an insert',
  everything,
  code: '42804',
  since,
  until,
});

/** Times are ms; a statement may take three seconds from the journal to its commit. */
describe('What the journal explains to the shop’s clients', () => {
  it('a retry is explained by a cutover since the client looked last, and by nothing else', () => {
    const cutover = [event('swapKeys', 20_000, { changes: 'keys' })];
    expect(unexplained([retry(5_000, 25_000)], cutover)).toEqual([]);
    expect(unexplained([retry(5_000, 19_000)], cutover)).toHaveLength(1);
    expect(unexplained([retry(24_000, 30_000)], cutover)).toHaveLength(1);
    expect(unexplained([retry(5_000, 25_000)], [])).toHaveLength(1);
  });

  it('new columns explain a retry to who selects *, and to nobody else', () => {
    const columns = [event('addColumns', 20_000, { changes: 'columns' })];
    expect(unexplained([retry(5_000, 25_000, true)], columns)).toEqual([]);
    expect(unexplained([retry(5_000, 25_000)], columns)).toHaveLength(1);
  });

  it('a unique twin may refuse from its building to the cutover, and with twins: late only where it is built after the approval', () => {
    const early = [
      event('addColumns', 1_000, { ends: true }),
      event('buildTwins', 10_000, { makes: 'a_uuid' }),
      event('buildTwins', 11_000, { ends: true }),
      event('swapKeys', 20_000, { changes: 'keys' }),
    ];
    const late = [
      event('addColumns', 1_000, { ends: true }),
      event('buildTwins', 5_000, { ends: true }),
      ...early.slice(1),
    ];
    const at = (time: number, index: string | null = 'a_uuid') => [
      { operation: 'an upsert', index, at: time },
    ];
    expect(withoutTwin(at(15_000), early, 'early')).toEqual([]);
    expect(withoutTwin(at(15_000), early, 'late')).toHaveLength(1);
    expect(withoutTwin(at(15_000), late, 'late')).toEqual([]);
    expect(withoutTwin(at(9_000), early, 'early')).toHaveLength(1);
    expect(withoutTwin(at(24_000), early, 'early')).toHaveLength(1);
    expect(withoutTwin(at(15_000, 'b_uuid'), early, 'early')).toHaveLength(1);
    // a deadlock names no index, but needs one
    expect(withoutTwin(at(15_000, null), early, 'early')).toEqual([]);
    expect(withoutTwin(at(15_000, null), early, 'late')).toHaveLength(1);
    expect(withoutTwin(at(24_000, null), early, 'early')).toHaveLength(1);
  });

  it('a statement that counts on the order of columns may be refused from addColumns on, until a way back has dropped them again', () => {
    const added = event('addColumns', 10_000, { changes: 'columns' });
    const dropped = event('dropColumns', 20_000, { changes: 'columns' });
    const end = event('dropColumns', 21_000, { ends: true });
    const at = (time: number) => [{ operation: 'COPY', code: '22P04', at: time }];
    expect(withoutColumns(at(15_000), [added, dropped, end])).toEqual([]);
    expect(withoutColumns(at(90_000), [added])).toEqual([]);
    expect(withoutColumns(at(90_000), [added, dropped])).toEqual([]);
    expect(withoutColumns(at(9_000), [added])).toHaveLength(1);
    expect(withoutColumns(at(29_000), [added, dropped, end])).toHaveLength(1);
    expect(withoutColumns(at(15_000), [])).toHaveLength(1);
  });

  it('a check may stand for NOT NULL while a swap back is not over', () => {
    const back = [event('swapKeysBack', 10_000), event('swapKeysBack', 20_000, { ends: true })];
    expect(withoutSwapBack([15_000], back)).toEqual([]);
    expect(withoutSwapBack([9_000, 24_000], back)).toHaveLength(2);
  });

  it('a stall belongs to the step that ran meanwhile, not to one that ran before and after it', () => {
    const events = [event('validate', 0), event('swapKeys', 1_000), event('validate', 2_000)];
    const taken = [{ operation: 'an update', due: 900, ended: 1_100 }];
    expect(stalls(taken, events)).toEqual([
      { phase: 'clients', step: 'validate', ms: noStall, operation: 'none took longer' },
      { phase: 'clients', step: 'swapKeys', ms: 200, operation: 'an update' },
    ]);
  });
});
