import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { backup } from '../../activities/backup.js';
import { findTools } from '../../src/backup/find-tools.js';
import { RekeyError } from '../../src/errors.js';
import { accountForPostgres } from '../../src/servers/account.js';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { attempt, LocalRun } from '../activities/local-run.js';
import { type ConnectedDatabase, connectedDatabase } from '../postgres/database.js';
import { filesOfEightBlocks, limitFiles, type SmallDisk, smallDisk, toolsThatFirst } from './small-disk.js';

const megabyte = 1024 ** 2;

const plan = `version: 1
plan: full
accept: [{ hazard: slot-unread, on: slot forgotten, because: somebody thought that the disk is large, phase: main }]
phases:
  - { phase: foundation, kind: foundation }
  - { phase: main, tables: [people] }
`;

/**
 * Real disks that are full (ENOSPC). Where this machine mounts none for us, a limit on the size of files stands in: the
 * same errors of the server and of pg_dump, by another name.
 */
describe('A disk that is full', () => {
  let server: PostgresServer;
  let database: ConnectedDatabase;
  let run: LocalRun;
  let disk: SmallDisk | null;
  let noSpace: RegExp;
  let logIsThere = false;

  beforeAll(async () => {
    server = await startPostgres({ own: true, settings: { max_wal_size: '64MB', min_wal_size: '32MB' } });
  }, 60_000);
  afterAll(() => server?.stop());

  const mount = (bytes: number, owner = accountForPostgres()) => {
    disk = smallDisk(bytes, owner);
    noSpace = disk ? /No space left on device/ : /File too large/;
    return disk;
  };
  const onServer = async (text: string) => {
    const client = new Client({ connectionString: server.superuserUrl });
    await client.connect();
    await client.query(text).finally(() => client.end());
  };
  const atServer = (text: string) => database.superuser(text);

  /** Until the phase can begin. */
  const prepare = async () => {
    database = await connectedDatabase({ ...server, version: 18 } as never);
    await database.sql(`
      create table people (id serial primary key, boss_id integer references people, note text);
      alter table people alter column note set storage plain;
      insert into people (boss_id, note) select nullif(n / 3, 0), repeat(md5(n::text), 90) from generate_series(1, 4000) n`);
    run = new LocalRun(database.connection, plan);
    await run.forward('foundation');
  };
  afterEach(async () => {
    run?.end();
    delete process.env.REKEY_BACKUPS;
    await database?.drop();
    await onServer('drop tablespace if exists small');
    // a server whose log lies there ends with it
    if (logIsThere) await server.stop();
    disk?.remove();
    disk = null;
  });

  const failureOf = async (work: Promise<unknown>): Promise<RekeyError> => {
    const failure = await work.catch((error) => error);
    expect(failure).toBeInstanceOf(RekeyError);
    return failure as RekeyError;
  };

  /** To its end, and back, with every row. */
  const goesOn = async () => {
    await run.forward('main');
    expect(await atServer('select count(*)::int as rows, count(boss_id)::int as bosses from people')).toEqual(
      [{ rows: 4000, bosses: 3998 }],
    );
    await run.back('main');
  };

  it('for tables is said with what to do, and the step goes on by itself when there is room', async () => {
    const small = mount(64 * megabyte);
    await prepare();
    if (small) {
      await atServer(`create tablespace small location '${small.path}'`);
      await atServer('alter table people set tablespace small');
    }
    await run.forward('main', 'addColumns');
    if (small) small.fill(megabyte);
    else await limitFiles(server.superuserUrl, 16 * megabyte + 4096);
    expect(await failureOf(run.forward('main', 'map'))).toMatchObject({
      code: 'postgres.disk-full',
      retryable: true,
      remedy: 'Make room on the server, then resolve with retry.',
    });
    expect(server.log()).toMatch(noSpace);
    if (small) small.makeRoom();
    else await limitFiles(server.superuserUrl, 'unlimited');
    await goesOn();
  }, 120_000);

  it('for a backup keeps none that is half there, says so, and takes a whole one when there is room', async () => {
    const tools = await findTools(180000);
    if (tools === null) throw new Error('there is no pg_dump');
    const small = mount(96 * megabyte, {});
    const folder = small?.path ?? mkdtempSync(join(tmpdir(), 'rekey-backups-'));
    process.env.REKEY_BACKUPS = folder;
    // room for what it says, and not for what it writes
    const fills = small
      ? `cat /dev/zero > ${small.ballast} 2>&-; truncate -s -64K ${small.ballast}`
      : filesOfEightBlocks;
    await prepare();
    const ref = await run.forward('main', 'preflight');
    process.env.REKEY_PG_BIN = toolsThatFirst(fills, tools.bin);
    try {
      expect(await failureOf(backup(ref, attempt()))).toMatchObject({
        code: 'backup.disk-full',
        retryable: false,
        remedy: expect.stringMatching(/Make room where REKEY_BACKUPS is, then/),
      });
      // its half is not left on the disk that it has filled
      const left = readdirSync(join(folder, database.connection.replaceAll('-', '_')));
      expect(left.filter((name) => !name.endsWith('.log'))).toEqual([]);
      // the next try sees it beforehand, as preflight would
      if (small) expect(await failureOf(backup(ref, attempt()))).toMatchObject({ code: 'backup.no-room' });
      expect(await atServer(`select from rekey.backup where phase = 'main'`)).toEqual([]);
    } finally {
      rmSync(process.env.REKEY_PG_BIN, { recursive: true });
      delete process.env.REKEY_PG_BIN;
    }
    small?.makeRoom();
    expect(await backup(ref, attempt())).toMatchObject({ verified: true, format: 'directory' });
  }, 120_000);

  it('for the log brings the server down, and the step goes on by itself when there is room', async () => {
    const small = mount(256 * megabyte);
    await prepare();
    await run.forward('main', 'addColumns');
    // what fills most disks of that kind
    await atServer(`select pg_create_physical_replication_slot('forgotten', true)`);
    if (small) {
      const [{ data_directory: data }] = (await atServer('show data_directory')) as [
        { data_directory: string },
      ];
      await server.shutDownAtOnce();
      const log = join(small.path, 'pg_wal');
      execFileSync('cp', ['-a', join(data, 'pg_wal'), log]);
      rmSync(join(data, 'pg_wal'), { recursive: true });
      symlinkSync(log, join(data, 'pg_wal'));
      logIsThere = true;
      await server.restart();
      // segments that were made beforehand are room, too
      const ahead = `select count(*)::int as n from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$' and name > pg_walfile_name(pg_current_wal_lsn())`;
      while (((await atServer(ahead)) as [{ n: number }])[0].n > 0)
        await atServer(`select pg_logical_emit_message(false, 'test', 'a record'), pg_switch_wal()`);
      small.fill(0);
    } else {
      // no file but the log's may be that long
      await database.sql('update people set note = null');
      await database.sql('vacuum full people');
      await atServer('select pg_switch_wal()');
      await limitFiles(server.superuserUrl, 512 * 1024);
    }
    const failure = await failureOf(run.forward('main', 'map'));
    expect(failure).toMatchObject({
      retryable: true,
      code: expect.stringMatching(/^connection\.|disk-full$/),
    });
    expect(server.log()).toMatch(new RegExp(`PANIC: .*${noSpace.source}`));
    small?.makeRoom();
    await server.restart();
    await atServer(`select pg_drop_replication_slot('forgotten')`);
    await goesOn();
  }, 120_000);
});
