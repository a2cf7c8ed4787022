import type { Kept } from './model.js';

const steps = 'test/fire/lock-budget.test.ts';
const readers = 'test/fire/lock-budget-readers.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'No statement of any step takes a stronger lock on a live table than the design says; what clients wait for is asked for quietly first, all in one LOCK, under a timeout of the whole statement.',
    tests: [
      [
        steps,
        'are no stronger than the design says after any statement of any step, and every one that clients wait for is asked for under the budget',
      ],
    ],
    figures: ['statements whose locks were looked at', 'locks that clients wait for, each under the budget'],
  },
  {
    promise: 'How long a lock is held does not depend on the rows of a table: nothing is scanned under it.',
    tests: [
      [
        steps,
        'are held for a time that does not depend on the rows of a table: under them the same blocks are read of 1 row and of 3,000',
      ],
    ],
    figures: [
      'most blocks of a table read under its locks, 3,000 rows',
      'longest lock of addColumns',
      'longest lock of buildTwins',
      'longest lock of swapKeys',
      'longest lock of swapKeysBack',
      'longest lock of dropColumns',
    ],
  },
  {
    promise:
      'A report of any length does not make clients wait behind Rekey for longer than the budget (150 ms by default), at any ALTER of any step.',
    tests: [
      [readers, 'wait no longer than the budget, while a report reads the table at each ALTER of each step'],
      [
        'test/postgres/lock-budget.test.ts',
        'behind a report that has just begun clients wait for a third of the budget, and no second time',
      ],
    ],
    figures: [
      'longest wait of a client in addColumns, reports beside it',
      'longest wait of a client in buildTwins, reports beside it',
      'longest wait of a client in swapKeys, reports beside it',
      'longest wait of a client in swapKeysBack, reports beside it',
      'longest wait of a client in dropTwins, reports beside it',
      'longest wait of a client in dropColumns, reports beside it',
      'longest wait of a client in dropLegacy, reports beside it',
    ],
  },
  {
    promise:
      'A lock that the work under the locks still has to wait for (of a sequence that goes with its column) gets what is left of the budget, not a new one.',
    tests: [
      [
        readers,
        'wait no longer than the budget where the work under the locks waits for one more, of a sequence',
      ],
    ],
    figures: ['longest wait of a client where the work under the locks waits, too'],
  },
];
