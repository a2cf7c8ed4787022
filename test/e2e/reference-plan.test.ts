import { takeCensus } from '../../examples/demo/metrics.js';
import { type LiveClients, startClients } from '../../examples/testapp/clients/clients.js';
import { checkAcknowledged } from '../../examples/testapp/clients/ledger.js';
import { type KnownReference, knownReferences } from '../../examples/testapp/references.js';
import type { MigrationStatus } from '../../src/decisions/status.js';
import { rekey } from '../cli/run.js';
import { wholePlanVersions } from '../servers.js';
import { keepHistory, leaksOf } from './histories.js';
import { marker, markTexts } from './marker.js';
import { withoutLimits } from './plan-text.js';
import { chapters, commandOf, Stage } from './stage.js';

const phases = [
  'foundation',
  'leaf-tables',
  'users',
  'workflow-core',
  'attributes',
  'dependents',
  'cleanup',
] as const;
const id = 'testapp';
const child = (phase: (typeof phases)[number]) => `${id}/${phase}`;

/** What an earlier phase leaves behind for assertions that come later. */
interface Seen {
  references: KnownReference[];
  lateApproval: string;
}

describe.each(wholePlanVersions())('The reference plan on PostgreSQL %i, under live clients', (version) => {
  let stage: Stage;
  let clients: LiveClients;
  let before: Awaited<ReturnType<typeof takeCensus>>;
  const chapter = chapters();
  const seen: Seen = { references: [], lateApproval: '' };

  beforeAll(async () => {
    stage = await Stage.set({ version, rows: 2500, plan: withoutLimits });
    expect(await stage.connected(markTexts)).toBeGreaterThan(50);
    seen.references = await stage.connected(knownReferences);
    before = await takeCensus(stage.testapp.superuser);
    stage.worker();
    clients = await startClients({
      url: stage.testapp.app,
      tenantUrl: stage.testapp.tenant,
      rate: 30,
      connections: 4,
      seed: version,
    });
  }, 120_000);

  afterAll(async () => {
    await clients?.stop().catch(() => undefined);
    await stage?.strike();
  }, 60_000);

  chapter('is started once, by the command line; a second start says that it runs', async () => {
    const { workflowId } = JSON.parse(await stage.start('runMigration', id));
    expect(workflowId).toBe(id);
    await expect(stage.start('runMigration', id)).rejects.toThrow(/already/i);
  });

  chapter(
    'foundation waits after backup and restore drill; the query status names the command, which opens the gate',
    async () => {
      await stage.waiting(child('foundation'), 'after');
      const status = await stage.until(id, ({ state }) => state === 'waiting-for-approval');
      const printed = JSON.parse(await stage.workflow('query', id, '--type status --output json'));
      expect(printed.queryResult[0]).toMatchObject({
        plan: 'plan',
        phase: 'foundation',
        workflowId: id,
        state: 'waiting-for-approval',
        step: 'after',
        checkpoint: { name: 'after', needed: 1 },
        wayBack: { open: true },
        failure: null,
        next: status.next,
      });
      // the parent does not decide, and says who does
      const decide = commandOf(status.next, 'decide');
      const refused = await stage.type(decide.replace(child('foundation'), id));
      expect(refused.code).not.toBe(0);
      expect(refused.stdout + refused.stderr).toContain(`--workflow-id ${child('foundation')}`);
      // the update answers at once
      expect(await stage.typed(decide)).toContain('counted');
      seen.lateApproval = commandOf(status.next, 'approve');
      const [drill] = await stage.sql(
        `select 1 from rekey.journal where phase = 'foundation' and step = 'restoreDrill' and kind = 'step'`,
      );
      expect(drill).toBeDefined();
    },
  );

  chapter(
    'leaf-tables: an approval that is late, foreign or nameless opens nothing; a pause holds the cutover until resume',
    async () => {
      const phase = child('leaf-tables');
      const { checkpoint, planHash } = await stage.waiting(phase, 'before-swap');
      await stage.typed(seen.lateApproval.replace(child('foundation'), phase));
      const nameless = { checkpoint: 'before-swap', opening: checkpoint?.opening, plan: planHash, by: ' ' };
      await stage.workflow('signal', phase, `--name approve --input '${JSON.stringify(nameless)}'`);
      const ignored = await stage.until(phase, ({ notes }) => notes.length >= 2);
      expect(ignored).toMatchObject({ state: 'waiting-for-approval', checkpoint: { approvals: [] } });
      const undo = await rekey(
        ['undo', 'testapp', '--by', 'ann', '--temporal-is-gone', '--yes'],
        stage.variables,
      );
      expect([undo.code, undo.stderr]).toEqual([2, expect.stringContaining('undo.owner-runs')]);
      // by the parent, which passes it on
      await stage.workflow('signal', id, `--name pause --input '{"by":"ann"}'`);
      await stage.until(phase, ({ next }) => next.some((text) => text.includes('--name resume')));
      await stage.approve(phase, 'before-swap');
      const paused = await stage.until(phase, ({ state }) => state === 'paused');
      expect(await integerKeysOf(stage, 'audit_logs')).not.toEqual([]);
      await stage.typed(commandOf(paused.next, 'resume'));
      await stage.approve(phase, 'after-swap');
      const verdicts = await stage.sql<{ verdict: string }>(
        `select verdict from rekey.decision where phase = 'leaf-tables' and verdict <> 'counted'`,
      );
      expect(verdicts.length).toBeGreaterThanOrEqual(2);
    },
  );

  chapter(
    'users: a readiness check parks preflight with counts only; resolved with the command that is printed',
    async () => {
      const phase = child('users');
      await stage.waiting(phase, 'before');
      const twice = (email: string, reference: string) =>
        `insert into users (reference, email, full_name, lob_id) select '${reference}', '${email}', 'twice', lob_id from lobs limit 1`;
      await stage.sql(
        `${twice(`ann ${marker}@example.com`, 'twice-1')}; ${twice(`ANN ${marker}@example.com`, 'twice-2')}`,
      );
      await stage.approve(phase, 'before');
      const parked = await stage.until(phase, ({ state }) => state === 'parked');
      expect(parked.failure).toMatchObject({ step: 'preflight' });
      expect(parked.failure?.message).toContain('duplicate emails');
      expect(JSON.stringify(parked)).not.toContain(marker);
      await keepHistory(stage, phase, 'parked');
      await stage.sql(`delete from users where reference like 'twice-_'`);
      await stage.typed(commandOf(parked.next, 'retry'));
      await stage.waiting(phase, 'before-swap');
    },
  );

  chapter(
    'users waits for two people: memo, search attributes and current details show the whole command, which works as pasted',
    async () => {
      const phase = child('users');
      const status = await stage.waiting(phase, 'before-swap');
      expect(status).toMatchObject({
        risk: 'critical',
        checkpoint: { needed: 2, until: expect.any(String) },
      });
      await keepHistory(stage, phase, 'waiting');
      const { memo, searchAttributes } = await stage.handle(phase).describe();
      expect(memo?.status).toMatchObject({ state: 'waiting-for-approval', next: status.next });
      expect(searchAttributes).toMatchObject({
        RekeyPlan: ['plan'],
        RekeyPhase: ['users'],
        RekeyState: ['waiting-for-approval'],
      });
      const list = `temporal workflow list --namespace ${stage.temporal.namespace} --output json --query `;
      const query = `"RekeyPhase = 'users' and RekeyState = 'waiting-for-approval' and WorkflowType = 'runPhase'"`;
      const found = await patiently(
        async () => JSON.parse(await stage.typed(list + query)),
        (all) => all.length === 1,
      );
      expect(found[0].execution.workflowId).toBe(phase);
      const commands = await commandsInDetails(stage, phase);
      await stage.typed(commands.find((text) => text.includes('approve')) as string);
      const half = await stage.until(phase, ({ checkpoint }) => checkpoint?.approvals.length === 1);
      expect(half.checkpoint).toMatchObject({ name: 'before-swap', approvals: [{ by: 'database-on-call' }] });
      // the same person again is no second one
      await stage.typed(commandOf(half.next, 'approve').replace('release-manager', 'Database-On-Call '));
      await stage.approve(phase, 'before-swap');
      // what the parent shows works, too
      const shown = await stage.until(
        id,
        ({ checkpoint, phase: at }) => at === 'users' && checkpoint?.name === 'after-swap',
      );
      expect(shown.next).toEqual((await stage.status(phase)).next);
      const atParent = await commandsInDetails(stage, id);
      await stage.typed(atParent.find((text) => text.includes('approve')) as string);
      expect(stage.hooks.calls.map(({ path }) => path)).toEqual(
        expect.arrayContaining(['/hooks/stop-application', '/hooks/start-application', '/login']),
      );
      expect(await stage.sql(`select enabled from rekey.flags where name = 'USE_UUID_FOR_USERS'`)).toEqual([
        { enabled: true },
      ]);
    },
  );

  chapter(
    'the other phases are approved one gate after the other, and cleanup ends it',
    async () => {
      for (const phase of ['workflow-core', 'attributes', 'dependents'] as const) {
        await stage.approve(child(phase), 'before-swap');
        await stage.approve(child(phase), 'after-swap');
      }
      await stage.approve(child('cleanup'), 'before-drop');
      await stage.approve(child('cleanup'), 'after');
      const result = await stage.result<Record<string, unknown>>(id);
      expect(result).toEqual(resultOf('done', 'cleanup', result));
      const printed = await stage.workflow('result', id, '--output json');
      expect(JSON.parse(printed)).toMatchObject({ result: { outcome: 'done' } });
      for (const phase of phases) {
        const { tables, ...rest } = await stage.result<{ tables: number }>(child(phase));
        expect({ tables, ...rest }).toEqual(resultOf('done', phase, rest));
        if (!['foundation', 'cleanup'].includes(phase)) expect(tables).toBeGreaterThan(2);
      }
      const closed = await stage.handle(id).describe();
      expect(closed.searchAttributes).toMatchObject({ RekeyState: ['done'] });
      expect((closed.memo?.status as MigrationStatus | undefined)?.phases.map(({ state }) => state)).toEqual(
        phases.map(() => 'done'),
      );
    },
    300_000,
  );

  chapter(
    'no operation failed, nothing acknowledged was lost or changed, every key is a UUID, no orphan anywhere',
    async () => {
      const report = await clients.stop();
      expect(report.failures).toEqual([]);
      expect(report.operations).toBeGreaterThan(200);
      const check = await stage.connected((client) => checkAcknowledged(client, clients.ledger));
      expect(check).toMatchObject({ missing: [], returned: [], changed: [] });
      expect(check.checked).toBeGreaterThan(200);
      expect(await integerKeysOf(stage)).toEqual([]);
      const after = await takeCensus(stage.testapp.superuser);
      expect(after.orphans).toBe(0);
      expect(after.tables).toBe(before.tables);
      expect(after.uuidForeignKeys).toBe(after.foreignKeys);
      expect(after.foreignKeys).toBeGreaterThanOrEqual(before.foreignKeys - 1);
      expect(after.rows).toBeGreaterThan(before.rows);
      const legacy = await stage.sql(
        `select attrelid::regclass::text, attname from pg_attribute where attname like 'legacy\\_%' and not attisdropped and attrelid >= 16384`,
      );
      expect(legacy).toEqual([]);
    },
  );

  chapter(
    'no row, no password is in what Temporal keeps, and the program has fallen over nothing',
    async () => {
      const secret = new URL(stage.testapp.owner).password;
      for (const workflowId of [id, ...phases.map(child)])
        expect(await leaksOf(stage, workflowId, [secret])).toEqual([]);
      for (const workflowId of phases.map(child))
        await keepHistory(stage, workflowId, workflowId.split('/')[1] ?? '');
      await keepHistory(stage, id, 'migration');
      expect(stage.workerLog()).not.toContain('failed unexpectedly');
    },
  );
});

function resultOf(outcome: string, phase: string, { longestStallMs }: { longestStallMs?: number }) {
  return {
    outcome,
    phase,
    tables: expect.any(Number),
    rows: expect.any(Number),
    seconds: expect.any(Number),
    longestLockMs: expect.any(Number),
    // there where a client was seen to wait
    ...(longestStallMs === undefined ? {} : { longestStallMs: expect.any(Number) }),
    metrics: expect.any(Object),
  };
}

/** Columns of primary and foreign keys that are integers still. */
async function integerKeysOf(stage: Stage, table?: string): Promise<string[]> {
  const rows = await stage.sql<{ name: string }>(
    `select distinct k.conrelid::regclass || '.' || a.attname as name
     from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
     where k.contype in ('p', 'f') and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
       and k.connamespace in ('public'::regnamespace, 'archive'::regnamespace)
       and ($1::text is null or k.conrelid = to_regclass($1)) order by 1`,
    [table ?? null],
  );
  return rows.map(({ name }) => name);
}

/** The fenced commands of the current details, as the Web UI shows them and somebody copies them. */
async function commandsInDetails(stage: Stage, workflowId: string): Promise<string[]> {
  const { currentDetails } = await stage
    .handle(workflowId)
    .query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(currentDetails.length).toBeLessThanOrEqual(4000);
  return [...currentDetails.matchAll(/```\n([^`]*)\n```/g)].map(([, command]) => command as string);
}

async function patiently<T>(ask: () => Promise<T>, so: (value: T) => boolean): Promise<T> {
  for (let tries = 1; ; tries++) {
    const value = await ask();
    if (so(value) || tries === 50) return value;
    await new Promise((done) => setTimeout(done, 200));
  }
}
