import type { Kept } from './model.js';

const replication = 'test/fire/around-replication.test.ts';
const throttle = 'test/fire/around-throttle.test.ts';
const live = 'test/fire/live-subscribers.test.ts';

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
    promise:
      'The throttle holds the map, and the next index of twins and of cleanup, when a full disk draws near, that of the log included: for a slot or an archiver that keeps more WAL than the plan allows, for less free disk than it asks for, and while nobody can say how much; it says which, and goes on by itself.',
    tests: [
      [
        throttle,
        'holds for a slot that nobody reads before its WAL fills the disk, and for slots that it may not look at, and goes on when the slot is read',
      ],
      [throttle, 'holds while the archiver fails and WAL piles up, and goes on when it archives again'],
      [
        throttle,
        'holds when little disk is free, and while nobody can say how much, and goes on when there is room',
      ],
      [
        throttle,
        'and a twin is not begun while a slot fills the disk: status says why, and it goes on when that is gone',
      ],
      [
        throttle,
        'and an index of cleanup is not begun while a slot fills the disk: status says why, and it goes on when that is gone',
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
  {
    promise:
      'A subscriber that goes along by hand has every row of a phase forward, back, forward again and of cleanup, and loses none while it stands still; one that writes into the tables is found, and goes on by itself after a swap back; a publication of all tables stops foundation.',
    tests: [
      [
        live,
        'a subscriber that goes along by hand has every row of a phase forward, back, forward again and of cleanup; meanwhile it stands still and loses nothing',
      ],
      [
        live,
        'a subscription that writes into the tables is found, fills shadows as clients do, stands still after the cutover and goes on by itself after a swap back',
      ],
      [
        live,
        "a publication of all tables stops foundation before there is a table of Rekey's for it to have",
      ],
    ],
    figures: ['rows written while a subscriber went along'],
  },
  {
    promise: 'A published table takes updates and deletes at every moment of a way back.',
    tests: [
      [
        live,
        'between a swap back and its last online work updates and deletes of a published table whose key is made of references are taken, and then it is what it was',
      ],
    ],
  },
];
