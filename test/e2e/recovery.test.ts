import type { ChildProcess } from 'node:child_process';
import { type LiveClients, startClients } from '../../examples/testapp/clients/clients.js';
import { checkAcknowledged } from '../../examples/testapp/clients/ledger.js';
import { startTemporal, type TemporalServer } from '../../src/servers/temporal.js';
import { keepHistory, leaksOf } from './histories.js';
import { markTexts } from './marker.js';
import { takePicture } from './picture.js';
import { withoutBackups, withoutLimits, withoutPhases } from './plan-text.js';
import { chapters, commandOf, Stage } from './stage.js';

const id = 'testapp';
const leaf = `${id}/leaf-tables`;
const users = `${id}/users`;
/** what the test holds to make statements of a cutover wait in its middle */
const hangLock = 4242;

describe('What is killed is finished by another', () => {
  const chapter = chapters();
  let temporal: TemporalServer;
  let stage: Stage;
  let clients: LiveClients;
  let worker: ChildProcess;

  beforeAll(async () => {
    temporal = await startTemporal({ own: true });
    const { address, namespace, cliPath } = temporal;
    stage = await Stage.set({
      rows: 6000,
      temporal: { address, namespace, cliPath },
      plan: (text) =>
        withoutLimits(
          withoutBackups(
            withoutPhases(text, ['workflow-core', 'attributes', 'dependents', 'cleanup']),
          ).replace('batch: 5000', 'batch: 50'),
        ),
    });
    await stage.connected(markTexts);
    worker = stage.worker();
    clients = await startClients({
      url: stage.testapp.app,
      tenantUrl: stage.testapp.tenant,
      rate: 15,
      connections: 3,
      seed: 3,
    });
  }, 120_000);

  afterAll(async () => {
    await clients?.stop().catch(() => undefined);
    await stage?.strike();
    await temporal?.stop();
  }, 60_000);

  /** SIGKILL: nothing is closed, nothing is said. */
  async function kill(): Promise<void> {
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGKILL');
    await gone;
  }

  /** Waits until some of the phase's ranges are done and others are not. */
  async function inTheMiddleOfMap(phase: string): Promise<void> {
    await seen(async () => {
      const [cursor] = await stage.sql<{ done: number; open: number }>(
        `select count(*) filter (where done or rows_done > 0)::int as done, count(*) filter (where not done)::int as open
         from rekey.cursor where phase = $1`,
        [phase],
      );
      return (cursor?.done ?? 0) > 0 && (cursor?.open ?? 0) > 0;
    });
  }

  async function terminateBackends(step: string): Promise<number> {
    const rows = await stage.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'rekey %' || $1 || '%'`,
      [step],
    );
    return rows.length;
  }

  chapter(
    'the Temporal server is restarted while a gate waits: approvals count as if nothing had been',
    async () => {
      await stage.start('runMigration', id);
      await stage.waiting(`${id}/foundation`, 'after');
      await temporal.restart();
      await stage.approve(`${id}/foundation`, 'after');
    },
  );

  chapter(
    'a worker dies in the middle of map, its backends too, and another one goes on where it stood',
    async () => {
      await inTheMiddleOfMap('leaf-tables');
      await kill();
      const before = await stage.sql<{ rows: number }>(
        `select sum(rows_done)::int as rows from rekey.cursor where phase = 'leaf-tables'`,
      );
      worker = stage.worker();
      // the next attempt comes when the heartbeat has run out; its connections are cut as soon as they are seen
      await seen(async () => (await terminateBackends('leaf-tables map')) > 0);
      await stage.waiting(leaf, 'before-swap');
      const [after] = await stage.sql<{ rows: number; open: number }>(
        `select sum(rows_done)::int as rows, count(*) filter (where not done)::int as open from rekey.cursor where phase = 'leaf-tables'`,
      );
      expect(after?.open).toBe(0);
      expect(after?.rows).toBeGreaterThan(before[0]?.rows ?? 0);
    },
  );

  chapter('an approval that arrives while no worker is there is followed when one comes', async () => {
    const { next } = await stage.waiting(leaf, 'before-swap');
    await kill();
    await stage.typed(commandOf(next, 'approve'));
    worker = stage.worker();
    await stage.approve(leaf, 'after-swap');
    expect(await stage.result(leaf)).toMatchObject({ outcome: 'done', phase: 'leaf-tables' });
  });

  chapter(
    'a cancel in the middle of map is a rollback to the byte, and no further phase begins',
    async () => {
      const picture = await takePicture(stage);
      await stage.approve(users, 'before');
      await inTheMiddleOfMap('users');
      await stage.workflow('cancel', id);
      expect(await stage.result(users)).toMatchObject({ outcome: 'rolled-back', phase: 'users' });
      expect(await stage.result(id)).toMatchObject({ outcome: 'rolled-back' });
      expect((await takePicture(stage)).dump).toBe(picture.dump);
      await keepHistory(stage, users, 'cancelled-in-map');
    },
  );

  chapter(
    'phase and migration are terminated; starting the migration again goes on in the middle',
    async () => {
      await stage.start('runMigration', id);
      await stage.approve(users, 'before');
      await inTheMiddleOfMap('users');
      // the parent first: it would start the phase again
      await stage.workflow('terminate', id);
      await stage.workflow('terminate', users);
      const [done] = await stage.sql<{ rows: number }>(
        `select sum(rows_done)::int as rows from rekey.cursor where phase = 'users'`,
      );
      expect(done?.rows).toBeGreaterThan(0);
      await stage.start('runMigration', id);
      await stage.approve(users, 'before');
      await stage.waiting(users, 'before-swap');
    },
  );

  chapter(
    'a worker dies in the middle of the cutover: all clients see the old keys, then all see the new ones',
    async () => {
      await stage.sql(
        `create schema hang;
       grant usage on schema hang to public;
       create function hang.here() returns event_trigger language plpgsql as
         $$ begin perform pg_advisory_xact_lock_shared(${hangLock}); end $$;
       create event trigger hang on ddl_command_end when tag in ('ALTER TABLE') execute function hang.here()`,
      );
      await stage.connected(async (holder) => {
        await holder.query(`select pg_advisory_lock(${hangLock})`);
        await stage.approve(users, 'before-swap');
        await hangs();
        await kill();
        // its backend ends when the statement does: clients wait until then, and find everything as it was
        expect(await typeOfKey()).toBe('integer');
        worker = stage.worker();
        await hangs();
        expect(await terminateBackends('users swapKeys')).toBe(1);
        expect(await typeOfKey()).toBe('integer');
      });
      await stage.waiting(users, 'after-swap');
      await stage.sql('drop event trigger hang; drop schema hang cascade');
      expect(await typeOfKey()).toBe('uuid');
      expect(await stage.sql(`select enabled from rekey.flags where name = 'USE_UUID_FOR_USERS'`)).toEqual([
        { enabled: true },
      ]);
    },
  );

  chapter(
    'after the cutover both are terminated once more; the way is gone on from there, to the end',
    async () => {
      await stage.workflow('terminate', id);
      await stage.workflow('terminate', users);
      await stage.start('runMigration', id);
      await stage.waiting(users, 'after-swap');
      expect(await typeOfKey()).toBe('uuid');
      await temporal.restart();
      await stage.approve(users, 'after-swap');
      expect(await stage.result(id)).toMatchObject({ outcome: 'done' });
      await keepHistory(stage, users, 'resumed-after-cutover');
    },
  );

  chapter(
    'no operation of a client failed, nothing acknowledged was lost or changed, no row is in a history',
    async () => {
      const report = await clients.stop();
      expect(report.failures).toEqual([]);
      const check = await stage.connected((client) => checkAcknowledged(client, clients.ledger));
      expect(check).toMatchObject({ missing: [], returned: [], changed: [] });
      for (const workflowId of [id, leaf, users]) expect(await leaksOf(stage, workflowId)).toEqual([]);
      expect(stage.workerLog()).not.toContain('failed unexpectedly');
    },
  );

  /** Until a statement of the cutover waits for what the test holds. */
  async function hangs(): Promise<void> {
    await seen(async () => {
      const rows = await stage.sql(
        `select 1 from pg_locks l join pg_stat_activity a using (pid)
         where l.locktype = 'advisory' and l.objid = ${hangLock} and not l.granted and a.application_name like 'rekey users swapKeys%'`,
      );
      return rows.length > 0;
    });
  }

  /** As a client: waits for whoever holds the table. */
  async function typeOfKey(): Promise<string | undefined> {
    const [row] = await stage.sql<{ type: string }>(
      'select pg_typeof(user_id)::text as type from users limit 1',
    );
    return row?.type;
  }
});

async function seen(look: () => Promise<boolean>, seconds = 120): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; ; ) {
    // what it looks at may not be there yet
    if (await look().catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`this was never seen: ${look}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}
