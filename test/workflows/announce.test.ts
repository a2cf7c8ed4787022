import type { WorkflowHandle } from '@temporalio/client';
import type { Status } from '../../src/decisions/status.js';
import { temporalForTests } from '../servers.js';
import { checkpoint, FakeWorld, failure } from './fake-world.js';
import { approve, gate, Harness, parked, statusOf, until, untilState } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start(await temporalForTests({ ownNamespace: true }));
});
afterAll(() => harness.stop());

function world(first: Parameters<typeof checkpoint>[1] = {}): FakeWorld {
  const made = new FakeWorld();
  made.brief = {
    risk: 'critical',
    checkpoints: [checkpoint('before-swap', first), checkpoint('after-swap')],
  };
  return made;
}

async function details(handle: WorkflowHandle): Promise<string> {
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

/** The fenced commands of a page of details. */
function fenced(text: string): string[] {
  return [...text.matchAll(/```\n([\s\S]*?)\n```/g)].map(([, command]) => command ?? '');
}

test('the status at a checkpoint has the shape that is documented', () =>
  harness.with(
    world({ approvals: 2, from: ['ann', 'bob'], checklist: ["the owner's yes"], timeout: 3_600_000 }),
    async (on) => {
      const handle = await on.phase();
      await gate(handle, 'before-swap');
      const status = await statusOf(handle);
      expect(status).toEqual({
        plan: 'testapp',
        planHash: '0123456789ab',
        phase: 'users',
        workflowId: handle.workflowId,
        state: 'waiting-for-approval',
        step: 'before-swap',
        asOf: expect.any(String),
        progress: [{ table: 'users', rowsDone: 100, rowsTotal: 100, rowsPerSecond: 50, secondsLeft: 0 }],
        checkpoint: {
          name: 'before-swap',
          opening: 1,
          approvals: [],
          needed: 2,
          from: ['ann', 'bob'],
          checklist: ["the owner's yes"],
          until: expect.any(String),
          validation: null,
        },
        wayBack: { open: true, because: expect.any(String) },
        failure: null,
        next: [
          expect.stringMatching(/^temporal workflow signal .*--name approve --input /),
          expect.stringMatching(
            /^temporal workflow update execute .*--name decide --command-timeout 30s --input /,
          ),
          expect.stringMatching(/^temporal workflow signal .*--name reject --input /),
        ],
        window: null,
        risk: 'critical',
        notes: [],
      });
    },
  ));

test('memo and details say what status says, and the commands in the details work as they are pasted', () =>
  harness.with(
    world({ approvals: 3, from: ['ann', 'bob', 'eve'], checklist: ["the owner's yes", 'full backup seen'] }),
    async (on) => {
      const handle = await on.phase();
      await gate(handle, 'before-swap');
      const memo = (await handle.describe()).memo as { status: Status };
      expect({ ...memo.status, asOf: '' }).toEqual({ ...(await statusOf(handle)), asOf: '' });
      for (const count of [1, 2]) {
        const text = await details(handle);
        expect(text.length).toBeLessThanOrEqual(4000);
        const commands = fenced(text);
        expect(commands).toHaveLength(3);
        for (const line of commands.join('\n').split('\n')) expect(line.length).toBeLessThanOrEqual(55);
        await harness.paste(commands[0] ?? '');
        await untilState(
          handle,
          'waiting-for-approval',
          ({ checkpoint: open }) => open?.approvals.length === count,
        );
      }
      // the last one by the update, as status prints it
      const answer = await harness.paste((await statusOf(handle)).next[1] ?? '');
      expect(answer).toContain('before-swap is approved');
      await gate(handle, 'after-swap');
      expect(on.world.decisions.map(({ by, verdict }) => `${by} ${verdict}`)).toEqual([
        'ann counted',
        'bob counted',
        'eve counted',
      ]);
    },
  ));

test('a parked phase shows why, what to do, and a command that works', () =>
  harness.with(world(), async (on) => {
    on.world.fails(
      'addColumns',
      failure('StepFailed', 'lock.missed', 'users could not be locked in 30 tries'),
    );
    const handle = await on.phase();
    await parked(handle, 'addColumns');
    const text = await details(handle);
    expect(text).toContain('users could not be locked in 30 tries');
    expect(text).toContain('Do something about it.');
    await harness.paste(fenced(text)[0] ?? '');
    await gate(handle, 'before-swap');
    expect(on.world.decisions[0]).toMatchObject({ decision: 'resolve: retry', verdict: 'counted' });
  }));

test('details stay within 4,000 characters and no command is cut, however much there is to say', () =>
  harness.with(
    world({
      checklist: Array.from({ length: 40 }, (_, at) => `item ${at} ${'of the checklist '.repeat(8)}`),
    }),
    async (on) => {
      on.world.ranges = Array.from({ length: 60 }, (_, range) => ({
        table: `a_table_with_a_long_name_${range}`,
        range,
        slices: 1,
      }));
      const handle = await on.phase();
      await gate(handle, 'before-swap');
      const text = await details(handle);
      expect(text.length).toBeLessThanOrEqual(4000);
      for (const command of fenced(text)) expect(command).toMatch(/}'$/);
      expect((text.match(/```/g) ?? []).length % 2).toBe(0);
    },
  ));

test('search attributes that exist are set; those that do not are left alone', () =>
  harness.with(world(), async (on) => {
    await harness.cli(
      'operator',
      'search-attribute',
      'create',
      '--name',
      'RekeyPhase',
      '--type',
      'Keyword',
      '--name',
      'RekeyState',
      '--type',
      'Keyword',
    );
    // RekeyPlan is not there: upserting it would fail the task for ever
    on.world.attributes = ['RekeyPhase', 'RekeyState'];
    const handle = await on.phase();
    await gate(handle, 'before-swap');
    const found = await until(
      async () => {
        const ids: string[] = [];
        for await (const { workflowId } of on.client.workflow.list({
          query: `RekeyPhase = 'users' and RekeyState = 'waiting-for-approval'`,
        }))
          ids.push(workflowId);
        return ids;
      },
      (ids) => ids.length > 0,
    );
    expect(found).toEqual([handle.workflowId]);
    await approve(handle, 'before-swap');
    await approve(handle, 'after-swap');
    expect((await handle.result()).outcome).toBe('done');
  }));

test('activities and timers carry summaries, handlers descriptions', () =>
  harness.with(world({ timeout: 3_600_000 }), async (on) => {
    const handle = await on.phase();
    await gate(handle, 'before-swap');
    const { events } = await handle.fetchHistory();
    const summaryOf = (event: NonNullable<typeof events>[number]) =>
      Buffer.from(event.userMetadata?.summary?.data ?? '').toString();
    const scheduled = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? [];
    expect(scheduled.map(summaryOf).filter((summary) => summary.length < 5)).toEqual([]);
    const timers = events?.filter((event) => event.timerStartedEventAttributes) ?? [];
    expect(timers.map(summaryOf)).toEqual([expect.stringContaining('before-swap')]);
    const metadata = await handle.query<{
      definition: { signalDefinitions: { name: string; description: string }[] };
    }>('__temporal_workflow_metadata');
    const approval = metadata.definition.signalDefinitions.find(({ name }) => name === 'approve');
    expect(approval?.description).toContain('checkpoint, opening, plan, by');
  }));
