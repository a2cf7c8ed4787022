import type { Kept } from './model.js';

const night = 'test/e2e/incidents.test.ts';
const calls = 'test/workflows/incidents.test.ts';
const undo = 'test/cli/undo.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'Where a step needs somebody, its page says what is to be seen, and the command that it names lets the step go on: backup, hazard, privilege, disk, hook, an error nobody knows',
    tests: [
      [night, 'the backup has failed: let it be written, a new worker, retry'],
      [night, 'a hazard stands in the way: look, repair, retry'],
      [night, 'a privilege is missing, and then the disk is full: mend, retry'],
      [night, 'a hook has failed: mend it, retry'],
      [calls, 'an error that Rekey does not know: look, retry'],
    ],
  },
  {
    promise: 'Whoever holds a phase up is named, and the phase goes on when they are gone',
    tests: [
      [night, 'locks are not to be had: end the session that is named, retry'],
      [night, 'the throttle holds it: see who it is, end it, and it goes on by itself'],
      [night, 'the schema was changed: take the change back, retry'],
      [night, 'the way back stands still: take away what hangs on the new keys, retry'],
    ],
  },
  {
    promise: 'A phase that waits for somebody says for whom, until when, and what to type',
    tests: [
      [night, 'it waits for an approval'],
      [night, 'a decision had no effect: decide answers at once'],
      [night, 'it is paused: resume'],
      [night, 'no worker: npx rekey worker'],
      [calls, 'it waits for its window: a cancel undoes the phase'],
      [calls, 'a deadline has passed: it is rolled back, and the page starts it again'],
    ],
  },
  {
    promise:
      'A phase whose workflow has ended, was reset, cancelled or refused can be started again by the command of its page',
    tests: [
      [night, 'the workflow has ended in the middle: start it again'],
      [night, 'a start was refused: correct the plan, start again'],
      [night, 'the plan was changed in the middle: put it back, start again'],
      [night, 'the workflow was reset: approve the new opening'],
      [night, 'it was cancelled: it rolls back, and can be started again'],
      [calls, 'workers of another version: rekey status tells, and the right version goes on'],
    ],
  },
  {
    promise: 'A database that another run or another Temporal owns says whose it is, and how it is let go',
    tests: [
      [night, 'another Temporal owns the database: let it go, start again'],
      [night, 'another run owns the database: go on with the first one'],
      [night, 'the undo stops, as the owner runs: cancel, then undo'],
    ],
  },
  {
    promise: 'After the cutover an application that does not run is answered by reject, and its data is kept',
    tests: [[night, 'the application does not run on the new keys: reject']],
  },
  {
    promise:
      'With PostgreSQL away the phase waits; with Temporal gone for good the database alone is enough to go back',
    tests: [
      [night, 'PostgreSQL does not answer: once it is up, retry'],
      [night, 'Temporal does not answer, and then is gone for good: undo, from the database alone'],
      [undo, 'takes out what is half-way, swaps back what is swapped, and keeps what was written since'],
      [undo, 'goes on where it stopped, and drops its schema when asked to'],
    ],
  },
  {
    promise:
      'Behind the point of no return the page leads forward, and the last resort is a backup that was restored once',
    tests: [
      [night, 'cleanup stands still after its first drop: repair the rows, retry'],
      [night, 'the last resort: the backup of the foundation, restored beside; and the mapping'],
    ],
  },
  {
    promise: 'Nothing that an operator sees in an incident is a stack trace',
    tests: [[night, 'nothing that was seen was a stack trace']],
  },
  {
    promise:
      'rekey doctor finds what keeps Rekey from its work or closed a way back, and its command puts all of that right',
    tests: [
      ['test/cli/doctor.test.ts', 'prints one command that puts right all triggers of a table that are off'],
      ['test/cli/doctor.test.ts', 'calls a way back ill that somebody has closed'],
      ['test/cli/doctor.test.ts', 'tells a role that may not read the schema rekey whose it is'],
      ['test/cli/doctor.test.ts', 'has nothing against a phase that cleanup has finished'],
    ],
  },
  {
    promise: 'What an undo ends with says what to type there, and speaks of no workflow',
    tests: [
      ['test/cli/text.test.ts', 'undo has no workflow that could be told to try again: "%s"'],
      [
        'test/cli/text.test.ts',
        'whatever error an undo ends with, nobody is told to resolve a step or to start a worker',
      ],
    ],
  },
];
