import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { type LiveClients, startClients } from '../../examples/testapp/clients/clients.js';
import { checkAcknowledged } from '../../examples/testapp/clients/ledger.js';
import { Attempt, Session } from '../../examples/testapp/clients/session.js';
import { createTestapp, type Testapp } from '../../examples/testapp/database.js';
import { sharedPostgres, testVersions } from '../servers.js';
import { lockAll, preparePretence, pretendCutover } from './pretended-cutover.js';

const rate = 150;

describe.each(testVersions().slice(0, 1))('Live clients on PostgreSQL %i', (version) => {
  const name = `testapp_clients_${process.pid}_${version}`;
  let testapp: Testapp;
  let superuser: Client;
  let live: LiveClients | null = null;

  beforeEach(async () => {
    const server = await sharedPostgres(version);
    testapp = await createTestapp(server.superuserUrl, name, {
      rows: 2000,
      seed: 7,
      password: 'for-tests-only',
    });
    superuser = new Client({ connectionString: testapp.superuser });
    await superuser.connect();
    live = await startClients({ url: testapp.app, tenantUrl: testapp.tenant, rate, connections: 4, seed: 3 });
  }, 120_000);

  afterEach(async () => {
    await live?.stop();
    live = null;
    await superuser.end();
    const server = new Client({ connectionString: (await sharedPostgres(version)).superuserUrl });
    await server.connect();
    await server.query(`drop database if exists ${name} with (force)`);
    await server.end();
  });

  async function settle(clients: LiveClients) {
    const report = await clients.stop();
    return { report, check: await checkAcknowledged(superuser, clients.ledger) };
  }

  it('do all their operations at the rate that was asked for, and find everything again', async () => {
    await sleep(4000);
    const { report, check } = await settle(live!);
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ failed: 0, retried: 0 });
    expect(report.operations).toBeGreaterThan(rate);
    expect(report.operations).toBeLessThanOrEqual(rate * (report.seconds + 1));
    expect(Object.keys(report.byOperation).length).toBeGreaterThan(20);
    expect(report.p50).toBeLessThanOrEqual(report.p99);
    expect(check).toMatchObject({ missing: [], returned: [], changed: [] });
    expect(check.checked).toBeGreaterThan(rate);
  });

  it('say what is missing, came back, was changed or leads elsewhere', async () => {
    await sleep(4000);
    await live!.stop();
    const rows = [...live!.ledger.rows.values()];
    const user = rows.find((row) => row.table === 'users' && !row.deleted && row.references.manager_id)!;
    const observation = rows.find((row) => row.table === 'observations' && row.references.pair)!;
    const log = rows.find((row) => row.table === 'llm_audit_logs' && row.references.actor_id)!;
    const comment = rows.find((row) => row.table === 'observation_comments' && row.deleted)!;
    const audit = rows.find((row) => row.table === 'audit_logs')!;
    await superuser.query(`set session_replication_role = replica`);
    await superuser.query(`update users set manager_id = null, full_name = 'Somebody' where reference = $1`, [
      user.reference,
    ]);
    await superuser.query(
      `update observations set (cycle_id, report_id) = (select cycle_id, report_id from cycle_reports where reference <> $2 limit 1)
       where reference = $1`,
      [observation.reference, observation.references.pair],
    );
    await superuser.query('update llm_audit_logs set actor_id = 2147483000 where reference = $1', [
      log.reference,
    ]);
    await superuser.query('delete from audit_logs where reference = $1', [audit.reference]);
    await superuser.query(
      `insert into observation_comments (observation_id, author_id, reference, body) select 1, 1, $1, 'back'`,
      [comment.reference],
    );
    const check = await checkAcknowledged(superuser, live!.ledger);
    expect(check.missing).toEqual([`audit_logs ${audit.reference}`]);
    expect(check.returned).toEqual([`observation_comments ${comment.reference}`]);
    expect(check.changed.map((line) => line.split(' is ')[0]).sort()).toEqual(
      [
        `llm_audit_logs ${log.reference}: actor_id`,
        `observations ${observation.reference}: pair`,
        `users ${user.reference}: full_name`,
        `users ${user.reference}: manager_id`,
      ].sort(),
    );
  });

  it('get over keys that move, forward and back, with one retry and no failure', async () => {
    await preparePretence(superuser);
    await sleep(2000);
    const moved: [string, string, Awaited<ReturnType<typeof pretendCutover>>][] = [];
    for (const [table, key] of [
      ['users', 'user_id'],
      ['test_cycles', 'cycle_id'],
      ['observations', 'observation_id'],
    ] as const) {
      moved.push([table, key, await pretendCutover(superuser, table, key)]);
      await sleep(1500);
    }
    for (const [table, key, before] of moved.reverse()) {
      await pretendCutover(superuser, table, key, before);
      await sleep(1500);
    }
    const { report, check } = await settle(live!);
    expect(report.failures).toEqual([]);
    expect(report.retried).toBeGreaterThan(4);
    expect(check).toMatchObject({ missing: [], returned: [], changed: [] });
  }, 120_000);

  it("name a cycle's report by its new key, and an adopted key by its new name, as soon as these are there", async () => {
    await preparePretence(superuser);
    const cycles = await pretendCutover(superuser, 'test_cycles', 'cycle_id');
    // What phases workflow-core and attributes bring, and later cleanup's drop of the pair.
    await lockAll(superuser);
    await superuser.query(`
      alter table cycle_reports add column id uuid not null default gen_random_uuid() unique;
      alter table workflow_phases add column cycle_report_id uuid references cycle_reports (id);
      create function fill_pair() returns trigger language plpgsql as $$ begin
        if new.cycle_report_id is null then
          select id into new.cycle_report_id from cycle_reports where (cycle_id, report_id) = (new.cycle_id, new.report_id);
        else
          select cycle_id, report_id into new.cycle_id, new.report_id from cycle_reports where id = new.cycle_report_id;
        end if;
        return new; end $$;
      update workflow_phases p set cycle_report_id = c.id from cycle_reports c where (c.cycle_id, c.report_id) = (p.cycle_id, p.report_id);
      create trigger fill_pair before insert on workflow_phases for each row execute function fill_pair();
      commit`);
    expect(cycles.length).toBeGreaterThan(4);
    await live!.setPairWrites('one');
    await sleep(2500);
    await live!.setPairWrites('both');
    await lockAll(superuser);
    await superuser.query(`
      drop trigger fill_pair on workflow_phases;
      alter table workflow_phases drop column cycle_id, drop column report_id;
      alter table scoping_decisions drop constraint scoping_decisions_scoping_attribute_id_fkey;
      update scoping_decisions d set scoping_attribute_id = planning_attribute_id
        from cycle_report_scoping_attributes s where s.attribute_id = d.scoping_attribute_id;
      alter table cycle_report_scoping_attributes drop column attribute_id;
      alter table cycle_report_scoping_attributes rename column planning_attribute_id to id;
      alter table cycle_report_scoping_attributes add primary key (id);
      alter table scoping_decisions add foreign key (scoping_attribute_id) references cycle_report_scoping_attributes on delete cascade;
      commit`);
    await sleep(2500);
    const { report, check } = await settle(live!);
    expect(report.failures).toEqual([]);
    expect(report.retried).toBeGreaterThan(2);
    expect(check).toMatchObject({ missing: [], returned: [], changed: [] });
    const { rows } = await superuser.query(
      `select count(*)::int as n from workflow_phases where reference like 'k%' and cycle_report_id is not null`,
    );
    expect(rows[0].n).toBeGreaterThan(10);
  });

  it('get over lost connections, and know whether what they had sent went through', async () => {
    for (let i = 0; i < 4; i++) {
      await sleep(1000);
      await superuser.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename like 'testapp%'`,
      );
    }
    await sleep(500);
    const { report, check } = await settle(live!);
    expect(report.failures).toEqual([]);
    expect(report.reconnects).toBeGreaterThanOrEqual(8);
    expect(check).toMatchObject({ missing: [], returned: [], changed: [] });
  });

  it('make no second row where the answer to the first try was lost after its commit', async () => {
    const session = new Session(testapp.app);
    await session.open();
    const make = (again: boolean) => {
      const attempt = new Attempt(session, () => 0, 'lost-answer', again);
      return attempt.create(
        'audit_logs',
        { column: 'reference', text: 'lost-answer' },
        { action: 'x' },
        { user_id: null },
      );
    };
    const key = await make(false);
    expect(await make(true)).toBe(key);
    await expect(make(false)).rejects.toMatchObject({ code: '23505' });
    await session.close();
  });

  it('count what fails for any other reason', async () => {
    await sleep(500);
    await superuser.query('revoke insert on audit_logs from testapp_app');
    await sleep(1500);
    const { report } = await settle(live!);
    expect(report.failed).toBeGreaterThan(3);
    expect(report.failures[0]).toMatchObject({ code: '42501' });
    expect(report.done + report.retried + report.failed).toBe(report.operations);
  });
});
