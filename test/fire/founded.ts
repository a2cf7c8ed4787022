import { LocalRun } from '../activities/local-run.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';

export type Founded = { database: ConnectedDatabase; run: LocalRun };

export const onlyPeople = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - { phase: people, tables: [people] }
`;

/** Who leads to whom, by names: what clients know, whatever the keys are. */
export const bosses =
  'select p.name, b.name as boss from people p left join people b on b.id = p.boss_id order by 1';

/** A database of the describe that calls this, filled, and where foundation is done; to be looked into when tests run. */
export function founded(plan: string, fill: (database: ConnectedDatabase) => Promise<unknown>): Founded {
  const at = {} as Founded;
  beforeAll(async () => {
    at.database = await connectedDatabase();
    await fill(at.database);
    at.run = new LocalRun(at.database.connection, plan);
    await at.run.forward('foundation');
  }, 60_000);
  afterAll(async () => {
    at.run?.end();
    await at.database?.drop();
  });
  return at;
}

/** Before a phase, after each of its steps, after the way back and forward once more. */
export async function atEveryStep(at: Founded, phase: string, look: () => Promise<unknown>): Promise<void> {
  await look();
  for (const step of ['addColumns', 'map', 'buildTwins'] as const) {
    await at.run.forward(phase, step);
    await look();
  }
  await at.run.forward(phase);
  await look();
  await at.run.back(phase);
  await look();
  await at.run.forward(phase);
  await look();
}
