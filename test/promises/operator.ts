import type { Kept } from './model.js';

const exhausted = 'test/activities/exhausted.test.ts';
const opening = 'test/workflows/opening.test.ts';
const cancel = 'test/workflows/cancel.test.ts';
const resets = 'test/workflows/resets.test.ts';
const gates = 'test/workflows/gates.test.ts';
const undo = 'test/cli/undo.test.ts';
const ownership = 'test/postgres/ownership.test.ts';
const waiters = 'test/activities/waiters.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'A step gives up after five tries that came no further, whatever of it succeeds each time and even where the journal has no room; after resolve with retry it has five again, and real progress gives it five again',
    tests: [
      [
        exhausted,
        'parks after five tries although its first statements succeed each time, and has five again after resolve with retry',
      ],
      [exhausted, 'has all its tries anew once a try comes to a statement that none had come to before'],
      [exhausted, 'has all its tries anew in a run that was started after another was terminated'],
      [
        exhausted,
        'of map counts from the last batch that moved its cursor, not from a pass that every try goes over',
      ],
      [exhausted, 'whose failures the journal has no room for gives up all the same'],
      [exhausted, 'a statement that fails outside a transaction is one failure of its step, not two'],
    ],
  },
  {
    promise:
      'A cancel while a phase is opened leaves nothing half-way: no phase that is called open, none that was done and is not, and after the first drop of cleanup it has no effect',
    tests: [
      [
        opening,
        'a phase that is cancelled when its opening is done and not answered is not open, and may be changed and started again',
      ],
      [
        opening,
        'a cancel ends an opening that hangs in the database, and the next start finds nothing in its way',
      ],
      [cancel, 'closes what the opening has left open, and undoes what an earlier run had done'],
      [cancel, 'drops the schema that the foundation was opened in, whether or not its opening has answered'],
      [cancel, 'undoes nothing of a phase that is done, and says so'],
      [
        cancel,
        'has no effect after the first drop of cleanup, which goes on and is never called rolled back',
      ],
    ],
  },
  {
    promise: 'status.wayBack tells what is so in the database, after every reset, too',
    tests: [
      [
        resets,
        'reset to before the approval, after the cutover: status tells of the way back as the database has it, after a second reset and for the next worker, too',
      ],
      [gates, 'the way back is asked for while the checkpoint after the cutover waits'],
    ],
  },
  {
    promise:
      'The schema rekey is not dropped under views, functions and defaults of the application that call it',
    tests: [
      [
        'test/activities/stands-on-rekey.test.ts',
        'the schema rekey is not dropped while a view, a function or a default of the application calls it: they are named, first of all where that can be told',
      ],
    ],
  },
  {
    promise:
      'Where the shell asks a Temporal that is not the one which runs the migration, undo does nothing, and doctor and status say so',
    tests: [
      [
        undo,
        'does nothing where the shell asks a Temporal that is not the one which runs the owner, nor has its namespace, nor where a newer Rekey wrote the schema',
      ],
    ],
  },
  {
    promise:
      'An undo that was interrupted can be typed again, and whoever looks or starts a workflow meanwhile reads so; where cleanup has dropped, undo and doctor offer nothing that has no effect',
    tests: [
      [undo, 'goes on where it stopped, and drops its schema when asked to'],
      [undo, 'that died behind its last phase lets go of the database when it is typed again'],
      [
        undo,
        'says what it would do and changes nothing without --yes; asks for a name; does nothing while nobody knows whether the owner runs, and nothing after cleanup',
      ],
      [
        ownership,
        'is refused while an undo has it, running or interrupted, with the command that goes on with the undo',
      ],
    ],
  },
  {
    promise: 'The longest that a client was seen to wait behind a batch is in the result of its phase',
    tests: [
      [
        waiters,
        'the longest that a client was seen to wait behind a batch is in the result of the phase; of a phase behind which none waited it says nothing',
      ],
    ],
  },
];
