import type { Kept } from './model.js';

const upserts = 'test/fire/upserts.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'Six clients that upsert a key, by columns or by its constraint, while they take it away and make it again are refused by nothing: not while a phase with `twins: late` waits, not after the cutover, not after the way back',
    tests: [
      [
        'test/fire/clients.test.ts',
        'who upsert are refused by nothing while a phase with twins: late waits for its approval',
      ],
      [
        'test/fire/clients.test.ts',
        'who upsert, take away and make again what stood before the cutover are refused by nothing after it, nor after the way back',
      ],
    ],
  },
  {
    promise:
      'With `twins: late` upserts of sixteen clients on the same values are refused on the named key only, and only around the two swaps; each that was acknowledged counts.',
    tests: [
      [
        upserts,
        'with twins: late none is refused until the approval and none after the cutover; only the named key refuses in the moments around the two swaps, and each that was acknowledged counts',
      ],
      [
        'test/fire/moving-schema-workflow.test.ts',
        'with twins: late the unique twins come after the approval, are validated, and then the keys are swapped',
      ],
    ],
    figures: [
      '23505 with twins: late, before the approval',
      '23505 with twins: late, from the approval to after the cutover',
      '40P01 among upserts while a unique twin stands, twins: late',
      '23505 after the cutover',
      '23505 on the way back',
    ],
  },
  {
    promise:
      'Upserts deadlock among themselves (40P01) only while a second unique index stands beside the one that they name, as they do on a table that Rekey never saw; with `twins: late` never while the phase waits, nor after the cutover.',
    tests: [
      [
        upserts,
        'is a deadlock of PostgreSQL’s own where a second unique index stands beside the one that they name, without Rekey, and none where it is not unique',
      ],
      [
        'test/fire/clients-judge.test.ts',
        'a unique twin may refuse from its building to the cutover, and with twins: late only where it is built after the approval',
      ],
    ],
  },
  {
    promise: 'With `twins: early`, accepted, they are refused on the named twin only.',
    tests: [
      [
        upserts,
        'with twins: early and accepted they fail on the named twin only, and each that was acknowledged counts',
      ],
    ],
    figures: ['23505 with twins: early'],
  },
  {
    promise:
      'Where pg_stat_statements shows upserts, the plan has to choose; a deferrable unique constraint is to be accepted.',
    tests: [
      [
        upserts,
        'is read from pg_stat_statements; then the plan has to choose: late, or early with a because',
      ],
      ['test/checks/hazards.test.ts', 'a deferrable unique constraint is to be accepted'],
    ],
  },
  {
    promise:
      'Where upserts can not be ruled out, the phase does not start before the plan has chosen `twins: early` or `late`: pg_stat_statements is absent, hidden, looks at nothing, or has forgotten statements.',
    tests: [
      [upserts, 'can not be ruled out without pg_stat_statements: the plan has to choose'],
      [
        upserts,
        'can not be ruled out where pg_stat_statements has forgotten statements: the plan has to choose',
      ],
      [upserts, 'can not be ruled out where the role may not read what others run: the plan has to choose'],
      [upserts, 'can not be ruled out where pg_stat_statements looks at nothing: the plan has to choose'],
    ],
  },
];
