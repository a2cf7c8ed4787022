import type { Kept } from './model.js';

export const promises: Kept[] = [
  {
    promise: 'A key function is one expression that PostgreSQL inlines, in the batches as well',
    tests: [
      [
        'test/fire/facts-speed.test.ts',
        'is one expression that PostgreSQL inlines, also in the batch: no call of it is left in the plan',
      ],
      [
        'test/fire/facts-speed.test.ts',
        "costs about as much as PostgreSQL's own random UUID, and nothing like a function that has to be called",
      ],
    ],
    figures: [
      'a key of version 4 against gen_random_uuid(), PostgreSQL 18',
      'a key of version 4 against gen_random_uuid(), PostgreSQL 15',
      'a key of version 7 against gen_random_uuid(), PostgreSQL 18',
      'a key of version 7 against gen_random_uuid(), PostgreSQL 15',
    ],
  },
  {
    promise: 'Batches are as small as clients need them to be, and never larger than the plan says',
    tests: [
      [
        'test/activities/map-stretch.test.ts',
        'is small at first, whatever the statistics say, and grows until clients would have to wait',
      ],
      ['test/activities/map-stretch.test.ts', 'has no more rows in a batch than the plan says'],
    ],
  },
  {
    promise: 'Several passes over a stretch let most rows stay in their page',
    tests: [
      ['test/activities/map-stretch.test.ts', 'leaves most rows in their page'],
      [
        'test/activities/map-stretch.test.ts',
        'is gone over in passes, each over all of its blocks, and the cursor moves with the last',
      ],
    ],
  },
  {
    promise: "The mapping is filled without an index, and read through the key of one table's partition",
    tests: [
      [
        'test/fire/facts-speed.test.ts',
        'is filled without an index, and gets its primary key when it is whole',
      ],
      [
        'test/fire/facts-speed.test.ts',
        "is joined through the key of one table's partition, and no other partition is read",
      ],
    ],
  },
  {
    promise: 'References whose row has its own key already are filled all the same',
    tests: [
      [
        'test/fire/facts-speed.test.ts',
        'and shadows of references are found by the reference itself, not by whether its row has a key',
      ],
    ],
  },
  {
    promise:
      'Where clients are seen to wait behind the batches of map, batches get shorter: they wait for about half as long as where nobody looks.',
    tests: [
      [
        'test/activities/waiters.test.ts',
        'wait for a shorter time where they are seen than where nobody looks, and every row is filled either way',
      ],
      [
        'test/activities/waiters.test.ts',
        'gets shorter for as long as they do, but not so short that nothing is done',
      ],
      ['test/activities/waiters.test.ts', 'are seen while they wait, and only behind this session'],
    ],
    figures: [
      'mean of the waits for rows that map is at, nobody looks',
      'mean of the waits for rows that map is at',
    ],
  },
];
