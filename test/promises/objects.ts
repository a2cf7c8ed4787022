import type { Kept } from './model.js';

export const promises: Kept[] = [
  {
    promise:
      'Objects that are not carried over yet are named with what to do before anything is changed: views (one that groups by a primary key, one over the whole row), materialized views, policies, exclusion constraints, generated columns, partitioned tables with their NOT VALID foreign keys, publications with a column list',
    tests: [
      ['test/fire/facts-objects.test.ts', 'stop it before its first change: each is named with what to do'],
      ['test/checks/hazards.test.ts', '%s stops the phase, and no accept lifts it'],
      ['test/checks/hazards.test.ts', 'a publication %s stops the phase'],
      [
        'test/checks/hazards.test.ts',
        'on PostgreSQL 14, whose generated columns hang on their columns in another way, they are found, too',
      ],
    ],
  },
  {
    promise:
      'Words of a plan that are not carried out yet stop the phase by their name: scratch databases of a rehearsal, stored keys, strategies',
    tests: [['test/checks/hazards.test.ts', '%s stops the phase with its name']],
  },
  {
    promise:
      'After the cutover, and after the way back, no upsert on a unique constraint over references fails; beside its twin 23505 names the twin, and the hazard has said so',
    tests: [
      [
        'test/fire/facts-objects.test.ts',
        'let every concurrent upsert through after the cutover and after the way back; beside a twin 23505 names the twin',
      ],
      [
        'test/checks/hazards.test.ts',
        'an upsert beside a unique twin is to be accepted where one is seen, else noted',
      ],
    ],
    figures: ['upserts refused beside a unique twin, of 960'],
  },
  {
    promise:
      'A deferrable unique constraint is deferrable again after the cutover and after the way back; what its twin refuses meanwhile is accepted by the plan',
    tests: [
      [
        'test/fire/facts-objects.test.ts',
        'that are deferrable are so again after the cutover and after the way back, and their twin is a hazard to accept',
      ],
      ['test/checks/hazards.test.ts', 'a deferrable unique constraint is to be accepted'],
    ],
  },
  {
    promise:
      'Checks, partial indexes and expressions that are made for integers are found by making every twin on empty copies, all of them at once, under no lock stronger than ACCESS SHARE',
    tests: [
      ['test/checks/trial.test.ts', '%s that is made for integers is named before anything is changed'],
      ['test/checks/trial.test.ts', 'all of them are named at once'],
      ['test/checks/trial.test.ts', 'live tables get no lock stronger than ACCESS SHARE (PostgreSQL %i)'],
    ],
  },
  {
    promise:
      'A child table that was made on the new keys is named by the way back, which changes nothing until it is gone',
    tests: [
      [
        'test/fire/facts-objects.test.ts',
        'A child table that was made on the new keys is named by the way back, which changes nothing until it is gone',
      ],
    ],
  },
  {
    promise:
      'Keys with no sequence at all get their legacy integers above the highest one; a sequence or type with little room left is found beforehand',
    tests: [
      [
        'test/fire/facts-objects.test.ts',
        'Keys that never had a sequence get their integers above the highest one until cleanup, so that inserts go on and the way back has them',
      ],
      [
        'test/activities/real-databases.test.ts',
        'goes forward, keeps every join and takes new rows whose keys nobody gives; back it is as it was, the new rows included',
      ],
      [
        'test/checks/hazards.test.ts',
        'a sequence with little room left is to be accepted, one at its end stops the phase',
      ],
      ['test/checks/hazards.test.ts', 'a key without a sequence whose type is used up stops the phase'],
      ['test/checks/hazards.test.ts', 'a bigint key is used up at its last value, to the last digit'],
    ],
  },
  {
    promise: 'Orphans are counted before hours of work, under foreign keys that say they are valid, too',
    tests: [
      [
        'test/checks/hazards.test.ts',
        'orphans under a foreign key that says it is valid are counted, with examples',
      ],
      ['test/checks/hazards.test.ts', 'orphans under a foreign key that is NOT VALID are counted'],
      ['test/checks/hazards.test.ts', 'orphans under a reference that only the plan declares are counted'],
    ],
  },
  {
    promise: "The schema's dump is the same, byte for byte, where nothing was changed",
    tests: [
      [
        'test/backup/backup.test.ts',
        'of the schema alone gives the same bytes twice, without the schema rekey',
      ],
      [
        'test/activities/round-trip.test.ts',
        'goes back phase by phase with all that was written since, and each dump is the same, byte for byte',
      ],
    ],
  },
  {
    promise:
      'Constraints have their names, states and comments after the cutover, NOT NULL of PostgreSQL 18 and NOT VALID ones included',
    tests: [
      [
        'test/fire/facts-objects.test.ts',
        'has the names and states of before: constraints, NOT NULL and NOT VALID ones included',
      ],
    ],
  },
  {
    promise:
      'The default that stays after cleanup is of built-in functions, gives keys in the order of time, and outlives the schema rekey',
    tests: [
      [
        'test/fire/facts-objects.test.ts',
        'gets a default from built-in functions in cleanup that orders keys by time, and outlives the schema rekey',
      ],
      [
        'test/activities/real-databases.test.ts',
        'goes through cleanup, and the schema rekey can be dropped afterwards without breaking anything',
      ],
    ],
  },
  {
    promise:
      'Keys may be any that bigint has, from its lowest to its highest, also where all of them are negative; version 7 keeps their order',
    tests: [
      [
        'test/activities/far-keys.test.ts',
        'go forward, keep their order, lead every reference to the same row, and go back',
      ],
      [
        'test/activities/far-keys.test.ts',
        'can be inserted by clients while tables are filled, whatever keys there were before',
      ],
    ],
  },
  {
    promise:
      'MATCH FULL, a unique constraint whose nulls are not distinct, and SET DEFAULT mean the same before the cutover, after it and after the way back',
    tests: [
      [
        'test/activities/unusual-references.test.ts',
        'keep their meaning before the cutover, after it and after the way back: half a MATCH FULL reference is refused, a second null that is not distinct too, and SET DEFAULT leads to the default',
      ],
    ],
  },
];
