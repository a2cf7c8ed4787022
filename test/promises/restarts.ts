import type { Kept } from './model.js';

const deaths = 'test/fire/boundaries.test.ts';
const restarts = 'test/fire/boundaries-restarts.test.ts';
const twice = 'test/activities/twice.test.ts';
const undo = 'test/cli/undo.test.ts';
const wrongClock = 'test/fire/wrong-clock.test.ts';
const fullDisk = 'test/fire/full-disk.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'A worker may die behind any statement of any step, and between a COMMIT and its answer: nobody ever sees half a cutover, and the step, run again, ends as an undisturbed one, to the byte of the dump and to every value.',
    tests: [
      [
        deaths,
        'leaves, with those that come after it, what an undisturbed one leaves; and nobody ever sees half a cutover',
      ],
      [twice, 'end in the same state when each is run a second time'],
      [twice, 'end in the same state when they are cancelled on the way, again and again'],
      [twice, 'end in the same state when their backends are terminated under them'],
    ],
    figures: [
      'boundaries of addColumns at which a worker died',
      'boundaries of mapRange at which a worker died',
      'boundaries of finishMap at which a worker died',
      'boundaries of buildTwins at which a worker died',
      'boundaries of swapKeys at which a worker died',
      'boundaries of swapKeysBack at which a worker died',
      'boundaries of dropTwins at which a worker died',
      'boundaries of dropColumns at which a worker died',
    ],
  },
  {
    promise:
      'A database that a failover or a restore takes back to before its cutover is never called done: the phase parks, says so, and goes back, and forward again',
    tests: [
      [
        'test/workflows/taken-back.test.ts',
        'while its approval is waited for is never called done: it parks, says what it means, and goes back and forward again',
      ],
    ],
  },
  {
    promise:
      'What is decided while the worker is refused by the database is in the journal before the step that it allows, and a resume is not lost',
    tests: [
      [
        'test/workflows/password.test.ts',
        'are in its journal before the step that they allow runs: an approval is never lost',
      ],
      [
        'test/workflows/password.test.ts',
        'count when it takes the worker again: a phase that was resumed is not held for ever',
      ],
    ],
  },
  {
    promise:
      'The clock of a worker decides nothing: set wrong by days, or jumping, it keeps no step waiting, gives none up, and stands in no entry of the journal.',
    tests: [
      [wrongClock, 'keeps no step waiting, not for locks either, and the way back leads to the same bytes'],
      [wrongClock, 'is not what the journal goes by: its times are those of the database'],
      [wrongClock, 'takes an outage of PostgreSQL for as long as it is, and gives no step up for it'],
      [
        'test/fire/chaos.test.ts',
        'every round ends where its story leads, with every acknowledged write and the bytes of the schema',
      ],
    ],
  },
  {
    promise:
      'Cleanup, past the point of no return, goes on from wherever its worker died, and ends as an undisturbed one.',
    tests: [[deaths, 'in a cleanup leaves what one who comes after it brings to the same end']],
    figures: ['boundaries of a cleanup at which its worker died'],
  },
  {
    promise:
      'The last resort without Temporal, `rekey undo`, may die behind any of its statements: typed again it leaves the dump of before, byte for byte, and every value.',
    tests: [
      [
        deaths,
        'in an undo without Temporal leaves what one who types it again brings to its end: the dump of before, byte for byte',
      ],
      [undo, 'goes on where it stopped, and drops its schema when asked to'],
    ],
    figures: ['boundaries of an undo at which it died'],
  },
  {
    promise:
      'PostgreSQL may go down in the middle of any step, fast, at once or killed: the attempt ends with an error that is tried again, and the step goes on when the server is back.',
    tests: [
      [
        restarts,
        'fast, at once or killed, ends the attempt and not the step: called again it ends as if nothing had been',
      ],
    ],
    figures: ['restarts of PostgreSQL in the middle of steps'],
  },
  {
    promise:
      'Where PostgreSQL has no room for tables or for its WAL, or REKEY_BACKUPS has none for a backup, the operator reads that, nothing is half-done, and it goes on when there is room.',
    tests: [
      [
        restarts,
        'for tables parks nothing half-done: the operator reads that the disk is full, and it goes on when there is room',
      ],
      [restarts, 'for its WAL comes down, and the step goes on where it was when there is room'],
      [
        restarts,
        'for a backup keeps none that is half there, says so, and takes a whole one when there is room',
      ],
      [fullDisk, 'for tables is said with what to do, and the step goes on by itself when there is room'],
      [fullDisk, 'for the log brings the server down, and the step goes on by itself when there is room'],
      [
        fullDisk,
        'for a backup keeps none that is half there, says so, and takes a whole one when there is room',
      ],
    ],
  },
];
