import type { Kept } from './model.js';

const replication = 'test/fire/around-replication.test.ts';
const throttle = 'test/fire/around-throttle.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'A publication or logical slot stops the phase unless the plan names the subscriber and says how it is prepared.',
    tests: [
      [
        replication,
        'a real subscription is found by its publication and its slot, and goes along where the plan names it and says how it is prepared',
      ],
    ],
  },
  {
    promise: 'A publication with a column list stops the phase.',
    tests: [
      [
        replication,
        'a publication with a column list stops the phase whatever the plan names, as every UPDATE would fail after the cutover',
      ],
    ],
  },
  {
    promise: 'A slot that nobody reads is found with the WAL that it keeps.',
    tests: [
      [replication, 'a slot that nobody reads is found with the WAL that it keeps, and is to be accepted'],
    ],
  },
  {
    promise:
      'The throttle holds the map for an old transaction, for the lag of standbys and subscribers, and for a signal that it can not read; it says which, and goes on by itself.',
    tests: [
      [
        throttle,
        'holds for an old transaction of a client, says so, and goes on by itself when that has ended',
      ],
      [throttle, 'holds while a report on a physical standby keeps it from replaying, and goes on by itself'],
      [throttle, 'holds when it can not read a signal, says which and why, and goes on when it can again'],
      [
        replication,
        'the throttle counts the lag of a logical subscriber that can not apply, says so and lets the work go on when it can again',
      ],
    ],
    figures: ['map held and gone on'],
  },
  {
    promise: 'After a missed try the locks wait until a standby has replayed it.',
    tests: [
      [
        'test/postgres/standby.test.ts',
        'after a missed try it waits until a standby, held up by a report, has replayed that try',
      ],
    ],
  },
];
