import type { Kept } from './model.js';

const schema = 'test/fire/moving-schema.test.ts';
const workflow = 'test/fire/moving-schema-workflow.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'What others change while a phase waits is found under the locks of the cutover; it is named, and nothing is swapped.',
    tests: [
      [
        schema,
        '%s is found under the locks and named, nothing is swapped, and the phase goes on when it is taken back',
      ],
      [schema, 'a change that comes while the cutover waits for its locks is found under them'],
    ],
  },
  {
    promise: 'A change that names no key and no reference goes along, forward and back.',
    tests: [
      [schema, 'what names no key goes along with the cutover'],
      [schema, 'what names no key goes along with the way back, which gives back all else to the byte'],
    ],
  },
  {
    promise: 'A rollback leaves what others did as they left it, and gives back all else to the byte.',
    tests: [
      [schema, 'a rollback leaves what others did as they left it, and gives back all else to the byte'],
    ],
  },
  {
    promise:
      'Where others drop tables, references or shadows of a phase before its cutover, it can be rolled back and undone, and all else is as it was, to the byte',
    tests: [
      [
        'test/fire/dropped-by-others.test.ts',
        '%s: %s ends after %s, and leaves all else as it was, to the byte',
      ],
      ['test/fire/dropped-by-others.test.ts', 'the shadow %s: its sister goes, too, and all is as it was'],
    ],
  },
  {
    promise:
      'Status says at every moment whether the way back is open; a child table on the new keys closes it by name until it is taken away.',
    tests: [
      [schema, '%s closes the way back, which says what closed it and opens again when it is taken back'],
      [schema, 'a view over a key that comes while the way back waits for its locks is found under them'],
      [
        workflow,
        'a way back that parks on a schema that moved says that it is closed and by what, until a retry finds it open',
      ],
    ],
  },
  {
    promise:
      'Cleanup drops nothing that somebody has built on a legacy column, found before its first drop or under its locks.',
    tests: [
      [schema, '%s made of a legacy column is named, and nothing is dropped'],
      [
        schema,
        'one that comes after the first drop is found under the locks of its table, and goes on when it is taken back',
      ],
    ],
  },
  {
    promise:
      'Through Temporal and PostgreSQL together: an index, a child table, a trigger, a view, an attached partition, a changed type during the checkpoint, a child after the cutover, a view before cleanup park the phase with their names, nothing half-done, and it goes on when they are taken back; with `twins: late` unique twins come after the approval.',
    tests: [
      [
        'test/fire/moving-schema-real.test.ts',
        'what moves during a checkpoint, after the cutover and before cleanup parks the phase with its name and nothing half-done, goes on when it is taken back, and what names no key goes along; unique twins come after the approval',
      ],
    ],
  },
];
