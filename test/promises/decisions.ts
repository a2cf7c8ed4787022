import type { Kept } from './model.js';

const gates = 'test/workflows/gates.test.ts';
const signals = 'test/workflows/bad-signals.test.ts';
const decide = 'test/decisions/decide.test.ts';
const namespace = 'test/workflows/namespace.test.ts';
const openings = 'test/postgres/openings.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'An approval that comes at or after the deadline opens nothing, even where no worker was there to see it pass',
    tests: [
      [
        gates,
        'an approval that reaches a worker only after the deadline opens nothing, even if it arrives with the timer',
      ],
      [gates, 'a checkpoint that nobody approves in time rolls back'],
      [
        gates,
        'a timeout that escalates runs the hook, shows it, and opens the next deadline under the same opening',
      ],
    ],
  },
  {
    promise: 'Signals that come again after a reset open no later checkpoint',
    tests: [[gates, 'a reset to the first task sends all signals again, and they open no later gate']],
  },
  {
    promise:
      'Whatever a signal or update carries, decodable or not, it ends and stops no phase, and is recorded',
    tests: [
      [gates, 'no signal, however wrong, ends or stops a phase; each is recorded'],
      [signals, 'signals that can not even be decoded end or stop no phase; each is recorded'],
      [signals, 'an update that can not be decoded is answered, and the phase goes on waiting'],
      [
        signals,
        'a decision of any shape, size and depth is an answer and no error: the phase goes on waiting',
      ],
      [decide, 'whatever a signal carries, reading it never throws and never invents'],
      [
        'test/e2e/bad-input.test.ts',
        'decisions that are unknown, foreign, closed or nameless are recorded, and open nothing',
      ],
    ],
  },
  {
    promise: 'A checkpoint opens only by enough timely approvals of different people',
    tests: [
      [
        decide,
        'whatever arrives in whatever order, a gate opens only by enough timely approvals of different people',
      ],
      [gates, 'a checkpoint that two people have to approve opens with the second one'],
      [
        'test/workflows/outage.test.ts',
        'a checkpoint outlives its worker: the next one asks nobody again, and knows who has approved',
      ],
    ],
  },
  {
    promise:
      'A forged name and a forged identity count, and stand in the journal as the claims that the docs call them',
    tests: [
      [
        namespace,
        'an approval under a forged identity and a forged name is journalled with both, as the claims that they are',
      ],
    ],
  },
  {
    promise:
      'With trust: principal nothing but what the server vouches for counts; where it names nobody, every approval is refused with the reason',
    tests: [
      [
        namespace,
        'trust: principal on a server that names nobody: every approval is refused with the reason, nothing opens',
      ],
      [
        namespace,
        'where the server writes a principal on the event it is read, of a signal and of an update, not of what was passed on',
      ],
      [gates, 'where only the principal is trusted, a claim opens nothing and the server is asked'],
      [decide, 'where the server vouches, its principal is who decided, whatever by says'],
    ],
  },
  {
    promise: 'An approval outlives neither a failed validation nor the opening that it was for',
    tests: [
      [
        gates,
        'while it waits it validates again; a failure voids the approvals, closes the opening and parks',
      ],
      [gates, 'a validation that fails after the approval voids it'],
      [gates, 'an opening that the journal has closed by the cutover is opened again, and approved again'],
      [
        openings,
        'after the schema has been dropped and made anew no opening has a number that was there before',
      ],
    ],
  },
  {
    promise: 'By the journal alone a parked step offers what its workflow would take, and nothing else',
    tests: [
      [openings, 'by the journal alone, %s that parks offers what the workflow would take, and nothing else'],
    ],
  },
];
