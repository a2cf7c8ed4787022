import type { Kept } from './model.js';

export const promises: Kept[] = [
  {
    promise:
      'Whatever is killed, frozen, cut or set wrong at any moment, workers, PostgreSQL, Temporal and the network between them: no acknowledged write is lost or changed, and the phase ends wholly before or wholly after its cutover',
    tests: [
      [
        'test/fire/chaos.test.ts',
        'every round ends where its story leads, with every acknowledged write and the bytes of the schema',
      ],
      ['test/fire/chaos.test.ts', 'faults did strike'],
    ],
    figures: ['rounds of chaos that held', 'client operations in a round of chaos'],
  },
  {
    promise: 'A round of chaos that fails can be had again by its seed',
    tests: [
      ['test/fire/schedule.test.ts', 'depends on its seed alone, so that a failed one can be had again'],
    ],
  },
];
