import type { Kept } from './model.js';

const isolation = 'test/fire/isolation.test.ts';

export const promises: Kept[] = [
  {
    promise: 'Clients that read a view never deadlock with a cutover that drops it',
    tests: [
      [
        'test/postgres/lock-budget.test.ts',
        'clients that read a view never deadlock with a cutover that drops it',
      ],
      [
        'test/postgres/lock-budget.test.ts',
        'tables are asked for as given, then reversed, then shuffled, and views first but for every third try',
      ],
    ],
  },
  {
    promise: 'Clients that lock the tables in the other order never deadlock with a cutover, and it gets in',
    tests: [
      [
        'test/postgres/lock-budget.test.ts',
        'clients that lock the tables in the other order never deadlock with it, and it gets in',
      ],
    ],
  },
  {
    promise:
      'Nobody queues behind a cutover that could not have its locks anyway: it looks for old holders before it asks, and says who they are',
    tests: [
      [
        'test/postgres/lock-budget.test.ts',
        'behind a long report no client waits: it looks before it asks, and says who is in the way',
      ],
      ['test/postgres/lock-budget.test.ts', 'as soon as the report ends, the locks are had'],
    ],
  },
  {
    promise:
      'Autovacuum yields to Rekey, and no client waits for it meanwhile; a vacuum against wraparound, which never yields, is found beforehand',
    tests: [
      [
        'test/postgres/lock-budget-server.test.ts',
        'autovacuum yields to the quiet lock, although no try lasts as long as deadlock_timeout, and no client waits',
      ],
      ['test/checks/wraparound.test.ts', 'a vacuum against wraparound of a member stops the phase'],
      [
        'test/postgres/lock-budget.test.ts',
        'a vacuum that does not yield ends it with a clear word, and no client waits',
      ],
    ],
  },
  {
    promise:
      'A report on a physical standby holds up its replay once, not at every try: the next one waits until the standby has caught up, and preflight says for how long replay can stand still',
    tests: [
      [
        'test/postgres/standby.test.ts',
        'after a missed try it waits until a standby, held up by a report, has replayed that try',
      ],
      [
        'test/postgres/standby.test.ts',
        'preflight says for how long a report on the standby can hold up replay, and of what',
      ],
    ],
  },
  {
    promise:
      'Too few lock slots for a cutover of many tables, and prepared transactions that nobody ended, are found before anything is changed',
    tests: [
      [
        'test/fire/facts-locks.test.ts',
        'that the cutover of many tables needs are counted beforehand, and too few stop the phase before anything is changed',
      ],
      ['test/checks/hazards.test.ts', 'too few lock slots stop the phase'],
      ['test/checks/hazards.test.ts', 'a prepared transaction of this database stops the phase'],
      [
        'test/postgres/lock-budget-server.test.ts',
        'a forgotten prepared transaction is named as what stands in the way, and holds the throttle',
      ],
    ],
    figures: ['locks of the cutover, of those that preflight counts'],
  },
  {
    promise:
      'A transaction in one snapshot (REPEATABLE READ, SERIALIZABLE) never sees a row without its key: the indexes wait for it; it is refused with 40001 only where it writes a row that the map has filled since, and with 0A000 once at a cutover',
    tests: [
      [
        isolation,
        'and read a table for the first time when its keys would be swapped are waited for: none sees a row without its key',
      ],
      [
        isolation,
        'that are %s are refused with 40001 where they write a row that the map has filled since, and succeed when they begin again',
      ],
      [
        isolation,
        'that are %s write in every step after the map as if nothing moved, and are told once that their plan changed at the cutover',
      ],
    ],
  },
  {
    promise:
      'A client that will not wait for a row (NOWAIT, SKIP LOCKED) is refused or passes over it for as long as a batch holds it, and no longer',
    tests: [
      [
        'test/fire/facts-locks.test.ts',
        'that will not wait for its rows is refused, or passes over them, for as long as the batch is open and no longer',
      ],
    ],
  },
  {
    promise: 'An open batch of the backfill and an open insert of a child do not wait for each other',
    tests: [
      [
        'test/fire/facts-locks.test.ts',
        'do not wait for each other: the parent is filled beside an open insert, and a child goes in beside an open batch',
      ],
    ],
  },
  {
    promise:
      'No statement that makes clients wait reads a table: SET NOT NULL has a validated CHECK, keys have their index and NOT NULL, constraints are added NOT VALID, there and back',
    tests: [
      [
        'test/fire/facts-locks.test.ts',
        'no statement reads a table from its beginning to its end, there and back: SET NOT NULL and keys find their proof',
      ],
    ],
    figures: [
      'locks held at once by the cutover of three small tables, PostgreSQL 18',
      'locks held at once by the cutover of three small tables, PostgreSQL 15',
    ],
  },
  {
    promise:
      'Every session has its own lock, statement and idle timeouts, whatever the role has set for itself',
    tests: [['test/postgres/connect.test.ts', 'gets its settings whatever the role has set for itself']],
  },
];
