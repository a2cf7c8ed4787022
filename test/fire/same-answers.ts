import type { Client } from 'pg';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { atEveryStep, type Founded, founded } from './founded.js';

interface Compared {
  /** with a foundation, a phase `people` and a cleanup */
  plan: string;
  schema: string;
  /** all that there is, by names: what clients know, whatever the keys are */
  looks: string[];
  /** of one session, one after the other; $k is another number each time. What begins with `!` is refused */
  forms: string[];
}

export const id = (name: string): string => `(select id from people where name = '${name}')`;

/** A database that Rekey moves, and beside it one that it never saw: statements have to mean the same in both. */
export function sameAnswers({ plan, schema, looks, forms }: Compared): {
  at: Founded;
  sameAtEveryStep(): Promise<void>;
} {
  const at = founded(plan, (database) => database.sql(schema));
  let untouched: ConnectedDatabase;
  const sessions = new Map<ConnectedDatabase, Client>();
  beforeAll(async () => {
    untouched = await connectedDatabase();
    await untouched.sql(schema);
    // as a pool has them: they live through all of it
    for (const database of [at.database, untouched]) sessions.set(database, await database.app());
  }, 60_000);
  afterAll(async () => {
    for (const client of sessions.values()) await client.end();
    await untouched?.drop();
  });

  let k = 0;
  async function answers(database: ConnectedDatabase): Promise<unknown[]> {
    const client = sessions.get(database) as Client;
    const all: unknown[] = [];
    for (const form of forms) {
      const text = form
        .replace(/^! /, '')
        .replaceAll('$k', String(k))
        .replaceAll('$name', `${database.connection}-${k}`);
      const answer = await client.query(text).then(
        ({ rowCount, rows }) => ({ rowCount, rows }),
        ({ code, constraint, column }) => ({ refused: code, constraint, column }),
      );
      all.push([form, answer]);
      expect([form, 'refused' in answer ? answer.refused : '']).toEqual([
        form,
        form.startsWith('!') ? expect.stringMatching(/./) : '',
      ]);
    }
    return all;
  }

  /** The same answers, and afterwards the same rows, as where Rekey never was. */
  async function mean(): Promise<void> {
    k += 1;
    expect(await answers(at.database)).toEqual(await answers(untouched));
    for (const look of looks) expect(await at.database.sql(look)).toEqual(await untouched.sql(look));
  }

  return {
    at,
    sameAtEveryStep: async () => {
      await atEveryStep(at, 'people', mean);
      await at.run.forward('cleanup');
      await mean();
      const [key] = await at.database.sql('select pg_typeof(id)::text as type from people limit 1');
      expect(key).toEqual({ type: 'uuid' });
    },
  };
}
