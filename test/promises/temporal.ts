import type { Kept } from './model.js';

const killed = 'test/workflows/killed-and-cancelled.test.ts';
const migration = 'test/workflows/migration.test.ts';
const cancel = 'test/workflows/cancel.test.ts';
const resets = 'test/workflows/resets.test.ts';
const ended = 'test/workflows/resets-of-the-ended.test.ts';
const terminate = 'test/workflows/terminate.test.ts';
const outage = 'test/workflows/outage.test.ts';
const namespace = 'test/workflows/namespace.test.ts';
const payloads = 'test/workflows/payloads.test.ts';
const waits = 'test/workflows/long-waits.test.ts';
const announce = 'test/workflows/announce.test.ts';
const badInput = 'test/workflows/bad-input.test.ts';
const ownership = 'test/postgres/ownership.test.ts';

export const promises: Kept[] = [
  {
    promise: 'No compensation begins while the step that it undoes is still at work',
    tests: [
      [cancel, 'a cancel in the middle of a step undoes it after it has stopped, then what came before it'],
      [cancel, 'a step that completes in spite of a cancel is undone all the same'],
    ],
  },
  {
    promise:
      'A worker killed in any step of any kind of phase, and the phase cancelled then, is a clean rollback; after the first drop of cleanup, in a rollback and at the very end the refusal is shown',
    tests: [
      [killed, 'killed in %s and cancelled: rolled back, or the refusal is shown'],
      [cancel, 'a worker killed in the middle of a step, then a cancel: the next worker rolls back'],
      [cancel, 'a cancel after the first drop has no effect, and everybody can see that and why'],
    ],
  },
  {
    promise:
      'A phase that was terminated in any step goes on when it is started again, and can be undone to the byte',
    tests: [
      [
        terminate,
        'terminated in every step, one after the other, and started again each time, a phase comes to its end',
      ],
      [terminate, 'terminated in %s'],
      [
        'test/workflows/terminate-around.test.ts',
        'terminated in every step, one after the other, and started again each time, foundation comes to its end, and can be undone to the byte',
      ],
      [
        'test/workflows/terminate-around.test.ts',
        'terminated in every step, one after the other, and started again each time, cleanup comes to its end, and asks nobody again once it has dropped',
      ],
      [
        resets,
        'terminated after map, started again and cancelled at once: the columns of the first run are gone',
      ],
    ],
  },
  {
    promise: 'A rollback that was terminated in any step goes on when it is started again',
    tests: [
      [
        terminate,
        'a rollback terminated in every step, and started again each time, comes to its end, to the byte',
      ],
    ],
  },
  {
    promise:
      'Terminating a migration leaves its phase alone; started again it waits for the phase and goes on',
    tests: [
      [
        migration,
        'terminating the parent leaves the phase alone; started again, the parent waits for it and goes on',
      ],
      [migration, 'a phase that was terminated fails the migration, which says how to go on'],
    ],
  },
  {
    promise:
      'A reset of a phase at a checkpoint keeps its opening; one to before it opens a new one; old approvals open nothing',
    tests: [
      [
        resets,
        'reset at a checkpoint: the opening stays the same, who has approved is remembered, and one approval opens it',
      ],
      [
        resets,
        'reset to the first task at a checkpoint: old approvals open nothing, in the journal as in the workflow',
      ],
    ],
  },
  {
    promise:
      'A reset to before what was done swaps nothing twice, and a rollback afterwards undoes what is there, not what the run remembers',
    tests: [
      [
        resets,
        'reset to before the approval, after the cutover: nothing is swapped twice, and the phase comes to its end',
      ],
      [
        resets,
        'reset to before the approval, after the cutover, then %s: the keys are swapped back before anything is dropped',
      ],
      [
        resets,
        'reset to preflight when %s, then cancelled: what the earlier run did is undone, and not called rolled back only',
      ],
      [resets, 'reset to the first task after the cutover goes on behind it'],
    ],
  },
  {
    promise: 'A reset of a finished phase, or of a migration, runs nothing twice and makes no orphan',
    tests: [
      [
        resets,
        'reset of a phase that is done, while the next one waits: it changes nothing, and the next one goes on',
      ],
      [migration, 'a reset of the parent finds its phase running, waits for it and goes on'],
      [migration, 'a reset of a finished migration runs no finished phase again'],
      [migration, 'a cancel of the parent reaches a phase that was reset, in its newest run'],
      [migration, 'a phase that is open but not in the journal yet is asked for again, not started twice'],
    ],
  },
  {
    promise:
      'A run with an execution or run timeout, which the server would end in the middle of a step, is refused',
    tests: [[badInput, '%s is refused with %j: the server would end it in mid-step']],
  },
  {
    promise: 'Wrong input ends a workflow FAILED with words, and never leaves it running for ever',
    tests: [
      [badInput, '%s with input %j ends FAILED with BadInput before anything is called'],
      [
        'test/workflows/bad-signals.test.ts',
        "the program's own worker ends a phase FAILED whose input can not be decoded, instead of trying it for ever",
      ],
    ],
  },
  {
    promise: 'A database belongs to one run; a second one is refused with the command that ends the first',
    tests: [
      [ownership, 'is refused to a second run while the first is open, with the command that cancels it'],
      [ownership, 'is refused to a run of another cluster or namespace, whatever that one says'],
      [ownership, 'goes to the next run when the owner is closed, and the old one is told so'],
      [
        'test/e2e/bad-input.test.ts',
        'a second run on the same database ends FAILED, and says how to end the first',
      ],
      [
        'test/e2e/bad-input.test.ts',
        'a second migration of a database ends FAILED and names the first, which goes on',
      ],
    ],
  },
  {
    promise:
      'What is sent to a migration reaches its phase in the same order, and what a phase tells its migration is never overtaken: Temporal delivers signals from one workflow to another in any order',
    tests: [
      [
        'test/workflows/signal-order.test.ts',
        'what is sent to a migration reaches its phase in the same order, also where the phase was not open yet',
      ],
      [
        'test/workflows/signal-order.test.ts',
        'what a phase tells its migration never overtakes what it told before',
      ],
    ],
  },
  {
    promise:
      'Restarts of workers, pauses of an activity, lost heartbeats and outages of the server use up no retry',
    tests: [
      [
        'test/workflows/restarts.test.ts',
        'restarts of workers, pauses of the activity and lost heartbeats, five in all, use up no retry and leave no failure',
      ],
      [
        'test/workflows/restarts.test.ts',
        'a worker of another version, which lacks activities that the phase calls, holds the phase up and does no harm',
      ],
      [outage, 'a phase goes on after an outage of the Temporal server in the middle of a step'],
      [outage, 'a worker that is told to stop in the middle of a step leaves it to the next one'],
    ],
  },
  {
    promise:
      'In a namespace that lacks search attributes, or takes no more, a phase goes its way without them',
    tests: [
      [namespace, 'in a namespace that takes no more search attributes a phase goes its way without them'],
      [announce, 'search attributes that exist are set; those that do not are left alone'],
    ],
  },
  {
    promise: 'When Temporal has forgotten what is closed, the journal is enough to go on and to roll back',
    tests: [
      [
        'test/workflows/forgotten.test.ts',
        'once Temporal has forgotten what is closed, status and doctor, going on and rolling back work from the journal',
      ],
    ],
  },
  {
    promise: 'No payload of a phase of 1,000 tables comes near the limits of the server',
    tests: [
      [
        payloads,
        'a phase of 1,000 tables puts no payload of more than 64 kB into its history or its migration',
      ],
      [
        payloads,
        'a thousand hazards park the phase with a failure, a memo and details that are within the limits',
      ],
      [
        payloads,
        'a checkpoint with everything that a plan can ask for stays within the limits, and its commands are whole',
      ],
      [
        badInput,
        'an input of megabytes ends the run FAILED with a short text, or is refused by the server: nothing hangs',
      ],
      [payloads, 'ranges are told in pages, each within the limits, together all of them and each once'],
      [announce, 'details stay within 4,000 characters and no command is cut, however much there is to say'],
    ],
    figures: [
      'largest payload of a phase of 1,000 tables',
      'events of a phase of 1,000 tables',
      'history of a phase of 1,000 tables',
      'largest payload of a thousand hazards',
    ],
  },
  {
    promise:
      'A checkpoint may wait, and a map may take, for weeks and months: a history that fills is used ever more rarely',
    tests: [
      [
        waits,
        'a look while a checkpoint waits costs what the docs say, so that weeks are a small part of a history',
      ],
      [
        waits,
        'with a validation every %d ms a checkpoint is looked at for more than a year before its history is full',
      ],
      [waits, 'looks are as the plan says for two days, then every six hours'],
      [waits, 'a run whose history fills looks no more, says so, and still hears every decision'],
      [waits, 'an escalation every second becomes one a day while a history fills'],
      [waits, 'slices of map grow while a history fills: a map of weeks stays within it'],
      [waits, 'a map in a history that fills takes longer slices'],
      [
        'test/workflows/operator.test.ts',
        'rows that change often are told to the migration rarely: a message costs events in two histories',
      ],
    ],
    figures: [
      'events of one look while a checkpoint waits',
      'history of one look while a checkpoint waits',
      'days of looks, hourly, then every six hours',
      'days of map, eight ranges at a time',
    ],
  },
  {
    promise:
      'A run that has ended and is reset goes nowhere: what is done stays done, what is rolled back stays rolled back, and what a rollback undid is undone once',
    tests: [
      [ended, 'a phase that was rolled back and is reset to %s goes no way forward, and stays rolled back'],
      [
        ended,
        'a phase that was rolled back and is reset to its first task begins anew, as if it were started again',
      ],
      [ended, 'a phase that is done and is reset to its middle is done, and can be rolled back'],
      [
        ended,
        'a rollback that is finished and is reset to its middle undoes nothing a second time, whatever became of the phase',
      ],
      [
        ended,
        'a foundation that was rolled back, its schema with it, and is reset to its middle makes nothing again',
      ],
    ],
  },
];
