import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePorts } from '../../src/servers/free-port.js';
import { loadChinook } from '../data/load.js';
import { freshDatabase, type TestDatabase } from '../servers.js';
import { rekey } from './run.js';

let database: TestDatabase;
let plans: string;
let env: Record<string, string>;

beforeAll(async () => {
  database = await freshDatabase();
  const client = new Client({ connectionString: database.ownerUrl });
  await client.connect();
  await loadChinook(client);
  await client.end();
  plans = await mkdtemp(join(tmpdir(), 'rekey-plans-'));
  env = { REKEY_CONNECTION_SHOP: database.ownerUrl, REKEY_PLANS: plans };
}, 120_000);

afterAll(async () => {
  await rm(plans, { recursive: true, force: true });
  await database?.drop();
});

test('inspect counts keys and references first, and lists every reference under its key', async () => {
  const { code, stdout } = await rekey(['inspect', 'shop'], env);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\S+, PostgreSQL 18\.\d+: 11 tables/);
  expect(stdout).toMatch(/10\s+integer keys/);
  expect(stdout).toMatch(/11\s+references to them/);
  expect(stdout).toContain('track.track_id  integer');
  expect(stdout).toContain('      playlist_track.track_id  (part of its key)');
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
});

test('inspect says the same to machines, and ends with 1 where something can not be carried over', async () => {
  await database.query('create view invoices as select invoice_id, customer_id from invoice');
  try {
    const { code, stdout } = await rekey(['inspect', 'shop', '--json'], env);
    expect(code).toBe(1);
    const found = JSON.parse(stdout);
    expect(found.domains).toHaveLength(10);
    expect(found.hazards).toEqual([
      expect.objectContaining({
        hazard: 'not-carried-over-yet',
        rank: 'stop',
        on: expect.stringMatching(/view (public\.)?invoices/),
      }),
    ]);
  } finally {
    await database.query('drop view invoices');
  }
});

test('a proposed plan passes plan check once it has chosen its twins, its dry run prints every phase, and plan show its hashes', async () => {
  const proposed = await rekey(['plan', 'propose', 'shop', '--plan', 'music'], env);
  expect(proposed.code).toBe(0);
  await writeFile(join(plans, 'music.yaml'), proposed.stdout);

  const undecided = await rekey(['plan', 'check', 'music', '--connection', 'shop'], env);
  // its keys are the application's own: it may upsert on each
  expect(undecided.stdout).toMatch(/^plan music: 0 problems, 11 hazards,/);
  expect(undecided.stdout).toMatch(/accept 6 objects: unique-twin-upsert[\s\S]*playlist, playlist_track/);
  expect(undecided.code).toBe(1);
  await writeFile(join(plans, 'music.yaml'), `${proposed.stdout}\ntwins: early\n`);

  const checked = await rekey(['plan', 'check', 'music', '--connection', 'shop'], env);
  expect(checked.stdout).toMatch(/^plan music: 0 problems, 0 hazards/);
  expect(checked.code).toBe(0);

  const shown = await rekey(['plan', 'show', 'music', '--json'], env);
  const { hashes, plan } = JSON.parse(shown.stdout);
  expect(Object.keys(hashes)).toEqual(plan.phases.map((p: { phase: string }) => p.phase));
  expect(hashes.foundation).toMatch(/^[0-9a-f]{12}$/);
  const text = await rekey(['plan', 'show', 'music'], env);
  for (const hash of Object.values(hashes)) expect(text.stdout).toContain(hash);

  const dry = await rekey(['dry-run', 'music', 'shop', '--rollback'], env);
  expect(dry.code).toBe(0);
  for (const phase of Object.keys(hashes)) expect(dry.stdout).toContain(`-- phase ${phase} (`);
  expect(dry.stdout).toContain('alter table "public"."track" add column if not exists "uuid_id" uuid');
  expect(dry.stdout).toContain('From the catalog as the cutovers of the phases before it will leave it.');
  expect(dry.stdout).toContain('the way back: dropColumns');
  expect(await database.query(`select 1 from pg_namespace where nspname = 'rekey'`)).toEqual([]);
}, 120_000);

test('a dry run is SQL: what is no statement is a comment, and one phase can be asked for', async () => {
  const { stdout } = await rekey(['dry-run', 'music', 'shop', '--phase', 'cleanup'], env);
  expect(stdout).not.toContain('phase foundation (');
  expect(stdout).toContain('drop column if exists "legacy_track_id"');
  expect(stdout).toContain('No way back from the first statement on.');
  const unknown = await rekey(['dry-run', 'music', 'shop', '--phase', 'nowhere'], env);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('plan.unknown-phase');
});

test('plan check lists every problem with its place in the file, and ends with 1', async () => {
  await writeFile(
    join(plans, 'wrong.yaml'),
    'version: 1\nplan: wrong\nphases:\n  - { phase: foundation, kind: foundation }\n  - phase: a\n    tables: [trak, playlist_track]\n  - { phase: cleanup, kind: cleanup }\n',
  );
  const { code, stdout } = await rekey(['plan', 'check', 'wrong', '--connection', 'shop'], env);
  expect(code).toBe(1);
  expect(stdout).toContain('where  wrong.yaml:6:14 phases[a].tables[0]');
  expect(stdout).toContain('there is no table trak (did you mean track?)');
  expect(stdout).toContain('plan.composite-key');
  expect(stdout).toContain('Integer keys in no phase');
});

test('plan check by itself finds words that no step carries out yet', async () => {
  const file = join(plans, 'copied.yaml');
  await writeFile(
    file,
    'version: 1\nplan: copied\nmap: { strategy: copy }\nphases:\n  - { phase: foundation, kind: foundation }\n  - { phase: a, tables: [track] }\n  - { phase: cleanup, kind: cleanup }\n',
  );
  const { code, stdout } = await rekey(['plan', 'check', file]);
  expect(code).toBe(1);
  expect(stdout).toContain('Hazards of a: it does not start with them');
  expect(stdout).toContain('the strategy copy');
});

test('plan check finds orphans under the keys of a phase that is still to come', async () => {
  await database.query('alter table invoice_line drop constraint invoice_line_invoice_id_fkey');
  await database.query('insert into invoice_line values (9999, 99999, 1, 1, 1)');
  await database.query(
    'alter table invoice_line add constraint invoice_line_invoice_id_fkey foreign key (invoice_id) references invoice not valid',
  );
  try {
    const { code, stdout } = await rekey(['plan', 'check', 'music', '--connection', 'shop', '--json'], env);
    expect(code).toBe(1);
    const { hazards } = JSON.parse(stdout);
    expect(hazards).toContainEqual(
      expect.objectContaining({ hazard: expect.stringContaining('orphan'), count: 1 }),
    );
  } finally {
    await database.query('delete from invoice_line where invoice_line_id = 9999');
    await database.query('alter table invoice_line validate constraint invoice_line_invoice_id_fkey');
  }
});

describe('what goes wrong has an exit code of its own, and no stack', () => {
  test.each([
    ['an unknown command', ['plan', 'chekc'], 2, 'Did you mean check?'],
    ['an unknown option', ['inspect', 'shop', '--jsn'], 2, 'unknown option'],
    ['a connection that is not there', ['inspect', 'nowhere'], 2, 'connection.unknown'],
    ['a URL in the place of a connection', ['inspect', 'postgres://u:secret@h/d'], 2, 'connection.url'],
    ['a plan that is not there', ['plan', 'show', 'nowhere'], 2, 'plan.not-found'],
    ['no backup', ['restore', '/nowhere', '--into', 'shop'], 2, 'backup.none'],
    [
      'a password in an argument',
      ['restore', '/x', '--into', 'postgres://u:secret@h/d'],
      2,
      'connection.url',
    ],
  ])('%s', async (_, args, code, text) => {
    const ran = await rekey(args, env);
    expect(ran.stderr).toContain(text);
    expect(ran.code).toBe(code);
    expect(ran.stderr).not.toMatch(/ {4}at |secret/);
  });

  test('a server that does not answer: 3, within seconds', async () => {
    const gone = `postgres://nobody@127.0.0.1:${(await freePorts(1))[0]}/nothing`;
    const ran = await rekey(['inspect', 'gone', '--json'], { REKEY_CONNECTION_GONE: gone });
    expect(ran.code).toBe(3);
    expect(JSON.parse(ran.stdout).errors[0].code).toBe('connection.no-answer');
  });

  test('help and version: 0, and help tells the exit codes', async () => {
    const help = await rekey(['--help']);
    expect(help.code).toBe(0);
    for (const word of [
      'inspect',
      'plan',
      'dry-run',
      'status',
      'findings',
      'restore',
      'worker',
      'Exit codes',
    ])
      expect(help.stdout).toContain(word);
    expect((await rekey(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
