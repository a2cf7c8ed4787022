import { withSession } from '../../src/postgres/connect.js';
import { readFindings } from '../../src/postgres/findings.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { LocalRun } from './local-run.js';

const plan = `version: 1
plan: shop
phases:
  - { phase: foundation, kind: foundation }
  - phase: main
    tables: [people]
    probes:
      - { probe: a slow one, sql: "select pg_sleep(0.003)" }
    checks:
      - { check: somebody is there, sql: "select count(*) from people", expect: 3 }
`;

let database: ConnectedDatabase;
let run: LocalRun;
beforeAll(async () => {
  database = await connectedDatabase();
  await database.sql(
    `create table people (id serial primary key, name text not null); insert into people (name) values ('ann')`,
  );
  run = new LocalRun(database.connection, plan);
});
afterAll(async () => {
  run?.end();
  await database?.drop();
});

test('a probe over its limit is found with its figures, a check that did not pass with what it said', async () => {
  await run.forward('foundation');
  run.caller = async ({ activity, call }) => {
    if (activity === 'swapKeys') await database.sql('update rekey.probe set median_ms = 0.1');
    return call();
  };
  await expect(run.forward('main')).rejects.toThrow(
    /probe a slow one main: 1; somebody is there phase main: 1/,
  );
  const findings = await withSession(database.connection, 'test', (session) => readFindings(session));
  expect(findings).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        step: 'validate',
        check: 'probe a slow one',
        example: { before: '0.1 ms', after: expect.stringMatching(/^[\d.]+ ms$/), limit: '20% slower' },
      }),
      expect.objectContaining({
        step: 'validate',
        check: 'check somebody is there',
        example: { said: 'expected 3, found 1', count: '1' },
      }),
    ]),
  );
});
