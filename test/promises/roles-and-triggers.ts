import type { Kept } from './model.js';

const past = 'test/fire/written-past.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'Rows that row-level security hides from Rekey are an error with its remedy, and never a smaller count; FORCE ROW LEVEL SECURITY on a moved table is found before anything is changed',
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        'rows that row security hides from Rekey are an error and never a smaller count, in the backfill and in validation',
      ],
      ['test/checks/hazards.test.ts', 'FORCE ROW LEVEL SECURITY on a member stops the phase'],
      [
        'test/checks/hazards.test.ts',
        'and does so where it hides rows indeed: what Rekey may not see is not asked for',
      ],
      ['test/backup/backup.test.ts', 'is refused where row-level security would hide rows, in both formats'],
    ],
  },
  {
    promise:
      "Row security that hides rows from Rekey's role after the cutover costs no client's write, closes the way back by name, and leaves no hole once it is off",
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        "rows that row security hides from Rekey's role after the cutover cost no client's write, and the way back has their integers once it is off",
      ],
    ],
  },
  {
    promise:
      'Rekey needs no superuser: each privilege that its role lacks is named with the GRANT that gives it',
    tests: [
      ['test/checks/hazards.test.ts', 'each missing privilege is named with its remedy'],
      [
        'test/e2e/bad-input.test.ts',
        'a role that lacks privileges: at preflight, before anything is made, each with its GRANT',
      ],
      ['test/postgres/throttle.test.ts', 'can not be read by a role without pg_read_all_stats, and say so'],
    ],
  },
  {
    promise:
      'Clients that own nothing and have no right in schema rekey go on writing from addColumns to cleanup',
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        'clients that own nothing write before and after the cutover, and what they may not read is looked up for them',
      ],
      [
        'test/activities/writes.test.ts',
        'need no rights in schema rekey, and rows of loaders under replica role are filled as well',
      ],
    ],
  },
  {
    promise:
      'Legacy references are right for clients who may not read the parent, or from whom row-level security hides it',
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        'clients that own nothing write before and after the cutover, and what they may not read is looked up for them',
      ],
    ],
  },
  {
    promise:
      'rekey.flags, rekey.new_key and rekey.old_key are open to every role that has a right on a moved table, and the rest of the schema to none',
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        'clients that own nothing write before and after the cutover, and what they may not read is looked up for them',
      ],
      ['test/postgres/bootstrap.test.ts', 'are open to roles that were granted them, and to nobody else'],
    ],
  },
  {
    promise: "No function or operator of a client or of the application runs with the rights of Rekey's role",
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        "a client's own functions and operators never run with the rights of Rekey's role",
      ],
      [
        'test/activities/sync-and-map.test.ts',
        "call no function and no operator of the application in place of PostgreSQL's, wherever its search path has them",
      ],
    ],
  },
  {
    promise: 'Rows of loaders and apply workers, which write under replica role, have their shadows, too',
    tests: [
      [
        'test/activities/writes.test.ts',
        'need no rights in schema rekey, and rows of loaders under replica role are filled as well',
      ],
    ],
  },
  {
    promise:
      'A trigger of the application that changes a key does so before the sync trigger looks, at every update; one that would come later is found before anything is changed',
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        "what the application's own BEFORE trigger makes of a key is what the shadow says, as the sync trigger sees the row last",
      ],
      ['test/checks/hazards.test.ts', 'one that sorts after the sync trigger stops the phase'],
    ],
  },
  {
    promise:
      "The backfill leaves the application's triggers for updated_at, audit and NOTIFY alone where Rekey's role may set session_replication_role, there and back",
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        "the application's triggers for updated_at, audit and NOTIFY are left alone, there and back, where Rekey's role may set session_replication_role",
      ],
      [
        'test/activities/writes.test.ts',
        "leave the application's own triggers alone in the backfill where Rekey's role may set session_replication_role",
      ],
    ],
  },
  {
    promise:
      'Where the role may not, each trigger that the backfill would fire is named before anything is changed, and the plan accepts it by its name',
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        'each of these triggers is a hazard with its name where the role may not, before anything is changed, and fires for each row where the plan accepts it',
      ],
      ['test/checks/hazards.test.ts', 'one that the backfill would fire is to be accepted by its name'],
      [
        'test/checks/hazards.test.ts',
        'where the role may switch triggers off, only one that fires under replica role counts',
      ],
      ['test/checks/hazards.test.ts', 'one for named columns alone, or a disabled one, is not fired'],
    ],
  },
  {
    promise: 'What a trigger of the application makes of a row of the backfill, its shadows follow',
    tests: [
      [
        'test/activities/sync-and-map.test.ts',
        'are seen by it where a BEFORE trigger of the application changes an integer on the way',
      ],
      [
        'test/activities/sync-and-map.test.ts',
        'are seen by it from the moment when such a trigger is made, in the middle of a range',
      ],
      [
        'test/activities/sync-and-map.test.ts',
        'leave what AFTER triggers write because of them to it, in the same table and in another one',
      ],
    ],
  },
  {
    promise:
      'CASCADE, SET NULL and SET DEFAULT end the same on both foreign keys, in whichever order they fire, deferred ones as well',
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        "the twin foreign keys' actions end as the integers' do where they fire %s them, deferred ones as well",
      ],
      [
        'test/activities/writes.test.ts',
        'set referential actions off on both foreign keys at once, and both columns end the same',
      ],
      [
        'test/activities/writes.test.ts',
        'are refused or cascade as before where two foreign keys disagree on a delete',
      ],
    ],
  },
  {
    promise: 'A row that refers to itself keeps its reference, there and back',
    tests: [
      [
        'test/fire/facts-roles.test.ts',
        'a row that refers to itself, or to one of the same statement, has the right integer after the cutover',
      ],
    ],
  },
  {
    promise: 'A table has one sync trigger a phase, and no phase changes what another one keeps in step',
    tests: [
      [
        'test/activities/sync-and-map.test.ts',
        'of a second phase on the table leave the first one in step, whatever a trigger of the application does meanwhile',
      ],
    ],
  },
  {
    promise:
      'After the cutover a client that writes a legacy reference without its UUID, or by position, is refused and told what to write: no reference is dropped silently',
    tests: [
      [
        'test/activities/writes.test.ts',
        'are refused after the cutover where they give a legacy reference without its UUID',
      ],
      [
        'test/activities/writes.test.ts',
        'are refused so while cleanup drops, too, until their table has lost its legacy columns',
      ],
    ],
  },
  {
    promise:
      'A row that the application copies whole, by its row type or from JSON, gets a key of its own and keeps its references, at every step, after the cutover and after the way back',
    tests: [
      [
        'test/fire/copies.test.ts',
        'get keys of their own and keep their references, wherever a phase stands, there and back',
      ],
    ],
  },
  {
    promise:
      'Rows that the map has not met, as VACUUM FULL, CLUSTER or an ALTER put them elsewhere while it ran, or a trigger was off, get their keys before anything is built on them',
    tests: [['test/fire/rewritten.test.ts', 'get their keys before anything is built on them']],
  },
  {
    promise:
      'Tables that are emptied with TRUNCATE, their numbers begun anew, keep every reference of the rows that come after, at every step, after the cutover, after the way back and in cleanup',
    tests: [
      [
        'test/fire/emptied.test.ts',
        'keep every reference of the rows that came since, wherever a phase stands: %s',
      ],
      ['test/fire/emptied.test.ts', 'go through cleanup'],
    ],
  },
  {
    promise:
      'What somebody writes past the sync triggers, switched off or dropped, is found under the locks of the cutover or kept by the way back: the triggers stand again, and legacy columns say what their UUIDs say, or go all the same in cleanup',
    tests: [
      [
        'test/fire/moving-schema.test.ts',
        'a sync trigger that is %s is found under the locks, and nothing is swapped',
      ],
      [
        past,
        'is kept by the way back where a trigger was off for a while, and the journal says whose rows they were',
      ],
      [past, 'is kept where the triggers are still off, or fire for some sessions only'],
      [past, 'is kept where a trigger was dropped, with its function'],
      [
        past,
        'is kept where it is written while the way back builds its indexes, and a trigger that goes off then stands again',
      ],
      [past, 'does not keep cleanup from taking the legacy columns of a table whose trigger is gone'],
    ],
  },
  {
    promise:
      'Batches take a row beside an open insert of its child, pass over one that a client changes, and take that in the end',
    tests: [
      [
        'test/fire/facts-locks.test.ts',
        'do not wait for each other: the parent is filled beside an open insert, and a child goes in beside an open batch',
      ],
      [
        'test/fire/facts-locks.test.ts',
        'the batch passes over a row that a client changes, and takes it in the end',
      ],
      ['test/activities/map-stretch.test.ts', 'fills every row, those that a client holds as well'],
    ],
  },
  {
    promise:
      "The backfill waits while replicas lag, a client's transaction grows old, somebody has paused it or a signal can't be read, unless the plan has switched that signal off; Rekey's own transactions do not count",
    tests: [
      ['test/postgres/throttle.test.ts', 'says which signal holds the work, and its limit'],
      [
        'test/postgres/throttle.test.ts',
        'holds the work when a signal can not be read, unless the plan has switched that signal off',
      ],
      ['test/postgres/throttle.test.ts', "count a client's old transaction and not Rekey's own"],
      ['test/postgres/throttle.test.ts', 'tell of the pause switch of this phase only'],
    ],
  },
  {
    promise:
      'Statements that count on positions (select *, insert and COPY without columns, row types in functions) are named before columns come, and the plan accepts it; those that name their columns go on',
    tests: [
      [
        'test/fire/facts-objects.test.ts',
        'Statements that count on positions break at addColumns: they are named beforehand, and those that name their columns go on',
      ],
      ['test/checks/hazards.test.ts', 'those that count on positions, and upserts, are to be accepted'],
      [
        'test/checks/hazards.test.ts',
        'a function that reads or writes by position makes the column order a hazard to accept',
      ],
      [
        'test/checks/hazards.test.ts',
        "those that name their columns are none, and neither are the plan's own probes",
      ],
    ],
  },
  {
    promise:
      'Event triggers of the database are named before anything is changed, and one that refuses is met by then',
    tests: [
      [
        'test/checks/event-triggers.test.ts',
        'an event trigger of the database is noted with its name, its function and when it runs, and stops nothing',
      ],
      [
        'test/checks/event-triggers.test.ts',
        'one that is disabled, or enabled for replica role only, is not noted',
      ],
      [
        'test/checks/event-triggers.test.ts',
        'one that refuses what Rekey has to do is met by the trial, with its own words, before anything is changed',
      ],
    ],
  },
];
