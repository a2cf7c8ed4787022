import type { Kept } from './model.js';

const clients = 'test/fire/clients.test.ts';
const proof = 'test/fire/clients-proof.test.ts';

export const promises: Kept[] = [
  {
    promise:
      'Statements of every form that clients write (upserts by column, by constraint and by partial index, MERGE, writes in WITH, savepoints, cursors, prepared transactions, views, row types, and over partial, covering and expression indexes, MATCH FULL, identities, queues by SKIP LOCKED, pages in the order of keys) give the same answers and leave the same rows as in a database that Rekey never saw, at every step, there and back and after cleanup',
    tests: [
      [
        'test/fire/forms.test.ts',
        'mean the same as in a database that Rekey never saw, at every step, there and back and after cleanup',
      ],
      [
        'test/fire/objects.test.ts',
        'mean the same as in a database that Rekey never saw, in the order of keys, too, at every step, there and back and after cleanup',
      ],
    ],
  },
  {
    promise:
      'Sessions that live through a cutover and its way back, of a pool, say, go on by themselves where triggers and functions of plpgsql name keys, their records and their types: PostgreSQL plans and compiles them anew',
    tests: [
      [
        'test/fire/kept-plans.test.ts',
        'have triggers and functions of plpgsql that name keys go on by themselves, there and back',
      ],
    ],
  },
  {
    promise:
      'Keys that are deleted and made again after the cutover, upserted by many at once, while their delete is under way, or passed over on a conflict, are refused to nobody, make nobody wait who would not, and have their integers again after the way back',
    tests: [
      [
        'test/fire/made-again.test.ts',
        'are upserted by many at once without one refusal, and each upsert counts',
      ],
      [
        'test/fire/made-again.test.ts',
        'are upserted while their delete is under way, by those who delete them as well, and nobody waits in a circle',
      ],
      [
        'test/fire/made-again.test.ts',
        'keep nobody waiting who would not wait: an insert that does nothing on a conflict passes a row that another holds',
      ],
      [
        'test/fire/made-again.test.ts',
        'have their integers again after the way back, also where the delete was not over when they were made',
      ],
    ],
  },
  {
    promise:
      'A sequence behind the ids of its table refuses no insert after the cutover, and a role that may insert and not ask the sequence is named beforehand',
    tests: [
      [
        'test/fire/sequences.test.ts',
        'refuses nobody after the cutover, whether or not they bring their keys, and gives what is free after the way back',
      ],
      ['test/fire/sequences.test.ts', 'stays there, so that the two never meet'],
      [
        'test/checks/key-source.test.ts',
        'a role that may insert and not ask the sequence is named, as each insert would be refused after the cutover',
      ],
    ],
  },
  {
    promise:
      'A foreign key that a client defers by its name is deferred at every step, and refused at once where nobody defers it',
    tests: [
      [
        'test/fire/deferred-by-name.test.ts',
        'has it deferred at every step, and refused at once where it does not defer it, there and back',
      ],
    ],
  },
  {
    promise:
      'Triggers of the application whose functions take whole rows, or number keys, are named before anything is changed, and so are upserts on keys that the application gives',
    tests: [
      [
        'test/checks/trigger-functions.test.ts',
        'a trigger that keeps whole rows by %s is named, as the table gets columns',
      ],
      [
        'test/checks/trigger-functions.test.ts',
        'a trigger that numbers the key by %s is named, as the key is a uuid after the cutover',
      ],
      [
        'test/checks/key-source.test.ts',
        'upserts on a key that the application gives make the plan choose, those on a key from a sequence do not',
      ],
    ],
  },
  {
    promise:
      'What others build on shadows while a phase waits closes the way back by its name, before a rollback has dropped anything; settings that somebody makes on a table stay, and a rollback ends whole',
    tests: [
      [
        'test/fire/on-shadows.test.ts',
        'closes the way back by its name, and a rollback changes nothing before it is gone',
      ],
      ['test/fire/tuned.test.ts', 'stay as they are, and a rollback before the cutover ends whole'],
      [
        'test/fire/tuned.test.ts',
        'go along with a cutover and its way back, and whoever owns the table is still looked at',
      ],
    ],
  },
  {
    promise:
      'A moved table, key or reference that the application renames or drops locks no client out at any step; a name that is given back lets the phase go on, and cleanup goes on without what was dropped',
    tests: [
      [
        'test/fire/renamed.test.ts',
        'renames locks no client out at any step, and with the names back the phase goes there, back and there again',
      ],
      [
        'test/fire/renamed.test.ts',
        'renames after the cutover stops cleanup with the name it has now where cleanup needs it, and not where it does not',
      ],
    ],
  },
  {
    promise:
      'A key or reference that gets a wider type while sync triggers stand refuses nobody; what is renamed or dropped is named by the step that misses it; a default that somebody gave a key after the cutover stays',
    tests: [
      [
        'test/fire/made-meanwhile.test.ts',
        'a reference that is renamed or a table that is dropped is named by the next step, and a rollback leaves it as it is',
      ],
      [
        'test/fire/made-meanwhile.test.ts',
        'a publication of all tables stops the next step by its name, and keeps neither a rollback nor clients from their work',
      ],
      [
        'test/fire/made-meanwhile.test.ts',
        'a default that somebody gave a key after the cutover stays in cleanup, and one is set where there is none',
      ],
    ],
  },
  {
    promise:
      'Over quoted and 63-byte names, smallint keys, mutual and self references, SET NULL of one column, nulls that are not distinct, unlogged tables and triggers that change references, statements mean the same at every step, and are refused in the name of the same constraint',
    tests: [
      [
        'test/fire/odd-names.test.ts',
        'mean the same as in a database that Rekey never saw, and are refused in the name of the same constraint, at every step, there and back and after cleanup',
      ],
    ],
  },
  {
    promise:
      'Applications of twelve kinds (ORM, select *, inserts and COPY without column names, contended upserts, deferred and self-referring rows, changed keys, cascades, both lock orders, reports, idle transactions, COPY, loaders under replica role, tenants under row security) lose nothing while a phase goes forward, back, forward again and is cleaned up: each operation is acknowledged and kept, refused as the schema demands, or tried once more at a change of the schema',
    tests: [
      [
        clients,
        'lose nothing while phases go forward, back, forward again and are cleaned up, and nothing else than what is allowed happens to them',
      ],
    ],
    figures: [
      'clients of the shop: operations',
      'clients of the shop: refused by position, done with names',
      'clients of the shop: retried at a change of the schema',
      'clients of the shop: lost',
      'clients of the shop: longest stall, addColumns of clients',
      'clients of the shop: longest stall, swapKeys of clients',
      'clients of the shop: longest stall, swapKeysBack of clients',
    ],
  },
  {
    promise:
      'With twins: early an upsert is refused by a named unique twin at most, and nothing that was acknowledged is counted twice or lost',
    tests: [
      [
        clients,
        'who upsert on what has a unique twin beside it are refused by that twin and by nothing else, and what was acknowledged counts',
      ],
    ],
    figures: [
      'clients of the shop: upserts refused by a unique twin, twins: early',
      'clients of the shop: upserts, twins: early',
    ],
  },
  {
    promise: 'With twins: late no upsert is refused while a phase waits for its approval',
    tests: [
      [clients, 'who upsert are refused by nothing while a phase with twins: late waits for its approval'],
    ],
    figures: ['clients of the shop: upserts refused by a unique twin, twins: late'],
  },
  {
    promise:
      'The proof is by value: a lost write, a reference that leads elsewhere, an increment made twice, a row nobody was told of, a changed key, an unexpected error, a retry without a step of Rekey are each found',
    tests: [
      [proof, 'sees a write that was acknowledged and lost'],
      [proof, 'sees a reference that leads to another row, and one that leads nowhere'],
      [proof, 'sees an increment that was made twice, and one that was never told'],
      [
        proof,
        'sees a row that nobody was told of, one that came back, and a trigger that ran for a row that nobody touched',
      ],
      [proof, 'sees a row whose key is another than the one that it was acknowledged under'],
      [proof, 'sees an error that no schema demands, and a refusal that does not come'],
      [proof, 'sees a retry for which there was no step of Rekey'],
      [
        proof,
        'sees a statement without column names that is refused though Rekey has changed no columns, and one whose values are somewhere else',
      ],
      [
        'test/fire/clients-judge.test.ts',
        'a statement that counts on the order of columns may be refused from addColumns on, until a way back has dropped them again',
      ],
      [proof, 'sees a lost connection where none may be lost'],
    ],
  },
  {
    promise:
      'A client whose server is killed, shut down at once or started anew finds out what became of each operation whose answer it lost',
    tests: [[proof, 'find out what became of each operation whose answer they lost, and the proof agrees']],
  },
  {
    promise:
      'Clients whose connections are reset, or fall silent for seconds, while a phase moves and on its way back find each operation that was under way whole or not there, and nothing that was acknowledged is lost',
    tests: [
      [
        'test/fire/clients-cable.test.ts',
        'find each operation under way whole or not there, on either side of the cutover and of the way back, and lose nothing that was acknowledged',
      ],
    ],
    figures: [
      'clients whose cables are pulled: operations',
      'clients whose cables are pulled: not there',
      'clients whose cables are pulled: there, and nobody was told',
    ],
  },
];
