import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { backup } from '../../activities/backup.js';
import type { PhaseRef } from '../../activities/contract.js';
import { findTools } from '../../src/backup/find-tools.js';
import { RekeyError } from '../../src/errors.js';
import { connectionVariable } from '../../src/postgres/environment.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { attempt, LocalRun } from '../activities/local-run.js';
import { dumpOf, tableDigests } from '../activities/reference-database.js';
import { figure } from '../figures.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { testVersions } from '../servers.js';
import { workshop, workshopPlan } from './boundaries-schema.js';
import { filesOfEightBlocks, limitFiles, toolsThatFirst } from './small-disk.js';
import { StatementProxy } from './statement-proxy.js';

const version = testVersions()[0] as number;

/** The ways in which a server goes down, and comes up again. */
const ways = {
  fast: (server: PostgresServer) => server.restart(),
  immediate: (server: PostgresServer) => server.shutDownAtOnce().then(() => server.restart()),
  killed: (server: PostgresServer) => server.crash().then(() => server.restart()),
};
type Way = keyof typeof ways;

/** Where in each step, by the statement that is not to be: the nth of this shape; and one whose answer never comes. */
const moments: Record<string, [way: Way, nth: number, shape: RegExp, moment: 'before' | 'after'][]> = {
  addColumns: [
    ['fast', 2, /add column/, 'before'],
    ['killed', 3, /create (or replace )?trigger/, 'after'],
  ],
  mapRange: [['immediate', 1, /^with done as/, 'after']],
  finishMap: [['killed', 1, /add constraint|add primary key|attach partition/, 'after']],
  buildTwins: [
    ['immediate', 2, /create .*index concurrently/, 'after'],
    ['killed', 2, /validate constraint/, 'before'],
  ],
  swapKeys: [
    ['fast', 3, /rename column/, 'after'],
    ['immediate', 1, /rename constraint/, 'before'],
    ['killed', 1, /^commit/, 'after'],
  ],
  swapKeysBack: [
    ['fast', 1, /create unique index concurrently/, 'after'],
    ['immediate', 5, /rename column/, 'after'],
    ['killed', 1, /^commit/, 'after'],
  ],
  dropTwins: [['fast', 1, /drop index concurrently/, 'after']],
  dropColumns: [['killed', 2, /drop column/, 'after']],
};

describe('PostgreSQL that goes down', () => {
  let server: PostgresServer;
  let database: ConnectedDatabase;
  let run: LocalRun;

  beforeAll(async () => {
    server = await startPostgres({ version, own: true });
  });

  afterAll(() => server.stop());

  const asClient = async <T>(fn: (client: Client) => Promise<T>): Promise<T> => {
    const client = new Client({ connectionString: database.ownerUrl });
    await client.connect();
    try {
      return await fn(client);
    } finally {
      await client.end();
    }
  };

  describe('in the middle of a step', () => {
    let proxy: StatementProxy;

    beforeAll(async () => {
      database = await connectedDatabase(server);
      await database.sql(workshop(12));
      proxy = await StatementProxy.start(database.ownerUrl);
      process.env[connectionVariable(database.connection)] = proxy.through(database.ownerUrl);
      run = new LocalRun(database.connection, workshopPlan);
    });

    afterAll(async () => {
      run.end();
      await proxy.stop();
    });

    it('fast, at once or killed, ends the attempt and not the step: called again it ends as if nothing had been', async () => {
      const before = { schema: await dumpOf(database.ownerUrl, version), rows: await asClient(tableDigests) };
      const done: string[] = [];
      run.caller = async ({ activity, call }) => {
        for (const [way, nth, shape, moment] of moments[activity] ?? []) {
          let passed = 0;
          let down: Promise<void> | null = null;
          const gate = async ({ text }: { text: string }) => {
            if (down !== null || !shape.test(text)) return undefined;
            passed += 1;
            if (passed < nth) return undefined;
            down = ways[way](server);
            await down;
            return undefined;
          };
          proxy.gate =
            moment === 'before'
              ? { before: gate }
              : {
                  after: async (passing) => {
                    await gate(passing);
                    return down ? 'swallow' : undefined;
                  },
                };
          const failure = await call().then(
            () => null,
            (error: unknown) => error,
          );
          proxy.gate = {};
          if (down === null) {
            if (failure !== null) throw failure;
            // another call of the same activity has it
            continue;
          }
          await down;
          done.push(`${activity} ${way}`);
          expect(failure).toBeInstanceOf(RekeyError);
          const { retryable, code, remedy } = failure as RekeyError;
          expect([retryable, remedy]).toEqual([
            true,
            expect.stringMatching(/tried again|Wait|Start the server/),
          ]);
          expect(code).toMatch(/^connection\./);
        }
        return call();
      };
      await run.forward('foundation');
      await run.forward('main');
      await asClient((client) => client.query(`insert into people (name, email) values ('late', 'late')`));
      await run.back('main');
      await asClient((client) => client.query(`delete from people where email = 'late'`));
      expect(done).toEqual(
        expect.arrayContaining(
          Object.entries(moments).flatMap(([step, all]) => all.map(([way]) => `${step} ${way}`)),
        ),
      );
      expect({
        schema: await dumpOf(database.ownerUrl, version),
        rows: await asClient(tableDigests),
      }).toEqual(before);
      figure('restarts of PostgreSQL in the middle of steps', done.length, 'restarts');
    }, 240_000);
  });

  describe('or has no room', () => {
    let folder: string;
    let ref: PhaseRef;

    beforeEach(async () => {
      database = await connectedDatabase(server);
      await database.sql(`
        create table people (id serial primary key, boss_id integer references people, note text);
        alter table people alter column note set storage plain;
        insert into people (boss_id, note) select nullif(n / 3, 0), repeat(md5(n::text), 90) from generate_series(1, 4000) n`);
      folder = mkdtempSync(join(tmpdir(), 'rekey-room-'));
      process.env.REKEY_BACKUPS = folder;
      run = new LocalRun(
        database.connection,
        `version: 1
plan: room
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`,
      );
      await run.forward('foundation');
    });

    afterEach(() => {
      run.end();
      delete process.env.REKEY_BACKUPS;
      rmSync(folder, { recursive: true, force: true });
    });

    const limit = (bytes: number | 'unlimited') => limitFiles(server.superuserUrl, bytes);
    const atServer = async (text: string): Promise<Record<string, unknown>[]> => {
      const client = new Client({ connectionString: server.superuserUrl });
      await client.connect();
      try {
        return (await client.query(text)).rows;
      } finally {
        await client.end();
      }
    };

    it('for tables parks nothing half-done: the operator reads that the disk is full, and it goes on when there is room', async () => {
      await run.forward('main', 'addColumns');
      // a segment of WAL fits; half a block of the table's growth does not
      await limit(16 * 1024 * 1024 + 4096);
      const failure = await run.forward('main', 'map').catch((error) => error);
      expect(failure).toBeInstanceOf(RekeyError);
      expect(failure).toMatchObject({
        code: 'postgres.disk-full',
        retryable: true,
        remedy: 'Make room on the server, then resolve with retry.',
      });
      await limit('unlimited');
      await run.forward('main');
      await run.back('main');
    }, 120_000);

    it('for its WAL comes down, and the step goes on where it was when there is room', async () => {
      await asClient(async (client) => {
        await client.query('delete from people where id > 1500; update people set note = null');
        await client.query('vacuum full people');
      });
      await run.forward('main', 'addColumns');
      // no table and no catalog is as long as that; the segment of WAL is, but for the last tenth
      const longest = 2 * 1024 * 1024;
      await atServer('select pg_switch_wal()');
      await atServer(
        `select pg_logical_emit_message(false, 'test', repeat('x', ${Math.floor(0.9 * longest)}))`,
      );
      await limit(longest);
      const failure = await run.forward('main', 'map').catch((error) => error);
      expect(failure).toBeInstanceOf(RekeyError);
      expect(failure).toMatchObject({
        retryable: true,
        code: expect.stringMatching(/^connection\.|disk-full$/),
      });
      expect(server.log()).toMatch(/PANIC: .*File too large/);
      // a new server process has no limit
      await server.restart();
      await run.forward('main');
      await run.back('main');
    }, 120_000);

    it('for a backup keeps none that is half there, says so, and takes a whole one when there is room', async () => {
      const tools = await findTools(version * 10_000);
      if (tools === null) throw new Error('there is no pg_dump');
      const bin = toolsThatFirst(filesOfEightBlocks, tools.bin);
      process.env.REKEY_PG_BIN = bin;
      try {
        ref = await run.forward('main', 'preflight');
        const failure = await backup(ref, attempt()).catch((error) => error);
        expect(failure).toBeInstanceOf(RekeyError);
        expect(failure).toMatchObject({
          code: 'backup.disk-full',
          remedy: expect.stringMatching(/Make room where REKEY_BACKUPS is, then retry/),
        });
        expect(
          await asClient((c) => c.query('select from rekey.backup where phase = $1', ['main'])),
        ).toMatchObject({ rowCount: 0 });
        delete process.env.REKEY_PG_BIN;
        expect(await backup(ref, attempt())).toMatchObject({ verified: true, format: 'directory' });
      } finally {
        delete process.env.REKEY_PG_BIN;
        rmSync(bin, { recursive: true, force: true });
      }
    }, 120_000);
  });
});
