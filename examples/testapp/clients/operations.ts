import { randomBytes } from 'node:crypto';
import type { PairRow, Row, RowPools } from './rows.js';
import { type Attempt, type Text, WrongAnswer } from './session.js';

/** What one client owns (only it writes these rows) and what it found when it started (it only refers to those). */
export interface Surroundings {
  own: RowPools & { comments: Row[]; leavers: Leaver[]; assigned: string[]; notes: Row[] };
  found: RowPools;
  /** this client's number */
  client: number;
}

interface Leaver {
  user: Row;
  notification: string;
  audit: string;
}

export interface Operation {
  name: string;
  /** its share of all operations */
  weight: number;
  /** whose connection: the tenant's sees its own announcements only */
  as?: 'tenant';
  run(attempt: Attempt, around: Surroundings): Promise<void>;
}

/** Of what others made or of one's own, as chance has it. */
function any(attempt: Attempt, ...lists: Row[][]): Row {
  const all = lists.filter((list) => list.length > 0);
  const list = all[Math.floor(attempt.random() * all.length)] as Row[];
  return list[Math.floor(attempt.random() * list.length)] as Row;
}

function maybe<T>(attempt: Attempt, share: number, value: () => T): T | null {
  return attempt.random() < share ? value() : null;
}

/** Lists stay short enough to keep in mind; what falls out is no longer touched, and still checked at the end. */
function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > 500) list.shift();
}

const reference = (attempt: Attempt, column = 'reference') => ({ column, text: attempt.tag });

async function createRow(
  attempt: Attempt,
  table: string,
  values: Record<string, string>,
  references: Record<string, Row | null>,
  more: Record<string, Text> = {},
): Promise<Row> {
  return {
    table,
    reference: attempt.tag,
    key: await attempt.create(table, reference(attempt), values, references, more),
  };
}

const user = (attempt: Attempt, around: Surroundings) => any(attempt, around.own.users, around.found.users);
const lob = (attempt: Attempt, around: Surroundings) => any(attempt, around.own.lobs, around.found.lobs);
const phase = (attempt: Attempt, around: Surroundings) =>
  any(attempt, around.own.phases, around.found.phases);

function pair(attempt: Attempt, around: Surroundings): PairRow {
  const list = around.own.pairs.length > 0 && attempt.random() < 0.5 ? around.own.pairs : around.found.pairs;
  return list[Math.floor(attempt.random() * list.length)] as PairRow;
}

/** How a child names its cycle's report today: by the pair, by the new key, or now one, now the other. */
async function pairColumns(attempt: Attempt, table: string, to: PairRow): Promise<Record<string, Text>> {
  const cycle = await attempt.key(to.cycle);
  const report = await attempt.key(to.report);
  const way = attempt.session.shape.surrogate(table);
  if (way === 'no' || (way === 'may' && attempt.random() < 0.5))
    return { cycle_id: cycle, report_id: report };
  const found = await attempt.one(
    `cycle_reports ${to.reference}`,
    'select id::text as id from cycle_reports where cycle_id = $1 and report_id = $2',
    [cycle, report],
  );
  return { cycle_report_id: found.id as string };
}

function expectText(what: string, found: Text | undefined, expected: Text): void {
  if (found !== expected) throw new WrongAnswer(`${what} is ${found}, expected ${expected}`);
}

/** The key of a row that is not there yet: a number from the sequence, or a UUID that rises with time. */
async function newUserKey(attempt: Attempt): Promise<string> {
  if (!attempt.session.shape.isUuid('users', 'user_id')) {
    return (await attempt.one('sequence', `select nextval('users_user_id_seq')::text as key`)).key as string;
  }
  const time = Date.now().toString(16).padStart(12, '0');
  const rest = randomBytes(10).toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-a${rest.slice(3, 6)}-${rest.slice(6, 18)}`;
}

export const operations: Operation[] = [
  {
    name: 'read user',
    weight: 20,
    run: async (attempt, around) => {
      const whom = user(attempt, around);
      const found = await attempt.one(
        `users ${whom.reference}`,
        `select u.reference, u.user_id::text as key, l.reference as lob, m.reference as manager
         from users u join lobs l on l.lob_id = u.lob_id left join users m on m.user_id = u.manager_id where u.user_id = $1`,
        [await attempt.key(whom)],
      );
      expectText('the user read by its key', found.reference, whom.reference);
    },
  },
  {
    name: 'list reports of user',
    weight: 10,
    run: async (attempt, around) => {
      await attempt.query(
        `select report_id::text as key, title from reports where owner_id = $1 and deleted_at is null
         order by created_at desc nulls last limit 20`,
        [await attempt.key(user(attempt, around))],
      );
    },
  },
  {
    name: 'read cycle report',
    weight: 8,
    run: async (attempt, around) => {
      const which = pair(attempt, around);
      const found = await attempt.one(
        `cycle_reports ${which.reference}`,
        'select reference from cycle_reports where cycle_id = $1 and report_id = $2',
        [await attempt.key(which.cycle), await attempt.key(which.report)],
      );
      expectText('the cycle report read by its pair', found.reference, which.reference);
    },
  },
  {
    name: 'add user',
    weight: 7,
    run: async (attempt, around) => {
      const made = await createRow(
        attempt,
        'users',
        { full_name: `Client ${attempt.tag}`, email: `${attempt.tag}@example.com` },
        { lob_id: lob(attempt, around), manager_id: maybe(attempt, 0.8, () => user(attempt, around)) },
      );
      keep(around.own.users, made);
    },
  },
  {
    name: 'change manager',
    weight: 6,
    run: async (attempt, around) => {
      const [whom] = around.own.users.length ? [any(attempt, around.own.users)] : [];
      if (!whom) return;
      const manager = maybe(attempt, 0.85, () => any(attempt, around.found.users));
      await attempt.one(
        `users ${whom.reference}`,
        'update users set manager_id = $2, updated_at = now() where user_id = $1 returning reference',
        [await attempt.key(whom), await attempt.keyOrNull(manager)],
      );
      attempt.changes.push({
        table: 'users',
        reference: whom.reference,
        references: { manager_id: manager?.reference ?? null },
      });
    },
  },
  {
    // The line of business comes first and names a head who is not there yet: the foreign key waits for the commit.
    name: 'add line of business with its head',
    weight: 2,
    run: async (attempt, around) => {
      const head = { table: 'users', reference: `${attempt.tag}h`, key: '' };
      const made = await attempt.transaction(async () => {
        const key = await newUserKey(attempt);
        const line = await createRow(
          attempt,
          'lobs',
          { name: `Lob ${attempt.tag}` },
          {},
          { head_user_id: key },
        );
        head.key = await attempt.create(
          'users',
          { column: 'reference', text: head.reference },
          { full_name: `Head ${attempt.tag}`, email: `${head.reference}@example.com` },
          { lob_id: line, manager_id: null },
          { user_id: key },
        );
        return line;
      });
      attempt.changes.push({
        table: 'lobs',
        reference: made.reference,
        references: { head_user_id: head.reference },
      });
      keep(around.own.lobs, made);
      keep(around.own.users, head);
    },
  },
  {
    name: 'hire with everything that hangs on a user',
    weight: 2,
    run: async (attempt, around) => {
      const leaver = await attempt.transaction(async () => {
        const made = await createRow(
          attempt,
          'users',
          { full_name: `Leaver ${attempt.tag}`, email: `${attempt.tag}@example.com` },
          { lob_id: lob(attempt, around), manager_id: null },
        );
        await attempt.create(
          'user_preferences',
          reference(attempt, 'locale'),
          { theme: 'dark' },
          { user_id: made, delegate_id: user(attempt, around) },
        );
        const note = { ...reference(attempt), text: `${attempt.tag}n` };
        await attempt.create('notifications', note, { message: 'welcome' }, { user_id: made });
        const log = { ...reference(attempt), text: `${attempt.tag}a` };
        await attempt.create('audit_logs', log, { action: 'hire' }, { user_id: made });
        return { user: made, notification: note.text, audit: log.text };
      });
      keep(around.own.leavers, leaver);
    },
  },
  {
    // ON DELETE CASCADE takes the notification and the preferences, ON DELETE SET NULL leaves the audit log.
    name: 'delete user',
    weight: 1,
    run: async (attempt, around) => {
      const leaver = around.own.leavers[0];
      if (!leaver) return;
      const rows = await attempt.query('delete from users where user_id = $1 returning reference', [
        await attempt.key(leaver.user),
      ]);
      if (rows.length !== 1 && !attempt.again)
        throw new WrongAnswer(`users ${leaver.user.reference}: gone before it was deleted`);
      around.own.leavers.shift();
      attempt.changes.push(
        { table: 'users', reference: leaver.user.reference, deleted: true },
        { table: 'user_preferences', reference: leaver.user.reference, deleted: true },
        { table: 'notifications', reference: leaver.notification, deleted: true },
        { table: 'audit_logs', reference: leaver.audit, references: { user_id: null } },
      );
    },
  },
  {
    name: 'assign role',
    weight: 3,
    run: async (attempt, around) => {
      if (around.own.users.length === 0) return;
      const whom = any(attempt, around.own.users);
      const role = any(attempt, around.found.roles);
      const by = user(attempt, around);
      const rows = await attempt.query(
        `insert into user_roles (user_id, role_id, reference, assigned_by) values ($1, $2, $3, $4)
         on conflict do nothing returning reference`,
        [await attempt.key(whom), await attempt.key(role), attempt.tag, await attempt.key(by)],
      );
      if (rows.length === 0) return;
      attempt.changes.push({
        table: 'user_roles',
        reference: attempt.tag,
        created: true,
        values: {},
        references: { user_id: whom.reference, role_id: role.reference, assigned_by: by.reference },
      });
      keep(around.own.assigned, attempt.tag);
    },
  },
  {
    name: 'take role away',
    weight: 1,
    run: async (attempt, around) => {
      const assigned = around.own.assigned[0];
      if (!assigned) return;
      await attempt.query('delete from user_roles where reference = $1', [assigned]);
      around.own.assigned.shift();
      attempt.changes.push({ table: 'user_roles', reference: assigned, deleted: true });
    },
  },
  {
    name: 'log in',
    weight: 3,
    run: async (attempt, around) => {
      await attempt.create(
        'sessions',
        reference(attempt, 'token'),
        {},
        { user_id: user(attempt, around) },
        { expires_at: new Date(Date.now() + 3_600_000).toISOString() },
      );
    },
  },
  {
    name: 'add report',
    weight: 4,
    run: async (attempt, around) => {
      const owner = user(attempt, around);
      const backup = maybe(attempt, 0.5, () => user(attempt, around));
      const references: Record<string, Row | null> = {
        owner_id: owner,
        backup_owner_id: backup?.reference === owner.reference ? null : backup,
      };
      // Now and then the column's default says which line of business it is.
      const given = maybe(attempt, 0.7, () => lob(attempt, around));
      if (given) references.lob_id = given;
      const made = await createRow(attempt, 'reports', { title: `Report ${attempt.tag}` }, references);
      if (!given)
        attempt.changes.push({ table: 'reports', reference: attempt.tag, references: { lob_id: 'L-1' } });
      keep(around.own.reports, made);
    },
  },
  {
    name: 'hand report over',
    weight: 3,
    run: async (attempt, around) => {
      if (around.own.reports.length === 0) return;
      const which = any(attempt, around.own.reports);
      const owner = user(attempt, around);
      await attempt.one(
        `reports ${which.reference}`,
        'update reports set owner_id = $2, backup_owner_id = null where report_id = $1 returning reference',
        [await attempt.key(which), await attempt.key(owner)],
      );
      attempt.changes.push({
        table: 'reports',
        reference: which.reference,
        references: { owner_id: owner.reference, backup_owner_id: null },
      });
    },
  },
  {
    name: 'add cycle',
    weight: 1,
    run: async (attempt, around) => {
      const made = await createRow(
        attempt,
        'test_cycles',
        { name: `Cycle ${attempt.tag}`, state: 'running' },
        { lead_id: user(attempt, around) },
      );
      keep(around.own.cycles, made);
    },
  },
  {
    name: 'put report into cycle',
    weight: 4,
    run: async (attempt, around) => {
      // A pair that only this client can make: its own report.
      const report = around.own.reports.at(-1);
      if (!report || around.own.pairs.some((known) => known.report === report)) return;
      const cycle = any(attempt, around.own.cycles, around.found.cycles);
      const tester = maybe(attempt, 0.8, () => user(attempt, around));
      await attempt.create(
        'cycle_reports',
        reference(attempt),
        { status: 'open' },
        { cycle_id: cycle, report_id: report, tester_id: tester },
      );
      keep(around.own.pairs, { reference: attempt.tag, cycle, report });
    },
  },
  {
    name: 'add workflow phase',
    weight: 5,
    run: async (attempt, around) => {
      const of = pair(attempt, around);
      const columns = await pairColumns(attempt, 'workflow_phases', of);
      const made = await createRow(
        attempt,
        'workflow_phases',
        { name: 'Testing', state: 'not_started' },
        {},
        columns,
      );
      attempt.changes.push({
        table: 'workflow_phases',
        reference: attempt.tag,
        references: { pair: of.reference, started_by: null },
      });
      keep(around.own.phases, made);
    },
  },
  {
    name: 'start workflow phase',
    weight: 3,
    run: async (attempt, around) => {
      if (around.own.phases.length === 0) return;
      const which = any(attempt, around.own.phases);
      const by = user(attempt, around);
      await attempt.one(
        `workflow_phases ${which.reference}`,
        `update workflow_phases set state = 'in_progress', started_by = $2, started_at = now() where phase_id = $1 returning reference`,
        [await attempt.key(which), await attempt.key(by)],
      );
      attempt.changes.push({
        table: 'workflow_phases',
        reference: which.reference,
        values: { state: 'in_progress' },
        references: { started_by: by.reference },
      });
    },
  },
  {
    name: 'plan and scope an attribute',
    weight: 4,
    run: async (attempt, around) => {
      await attempt.transaction(async () => {
        const planned = await createRow(
          attempt,
          'cycle_report_planning_attributes',
          { note: `note ${attempt.tag}` },
          { phase_id: phase(attempt, around), planned_by: user(attempt, around) },
        );
        const scoped = await createRow(
          attempt,
          'cycle_report_scoping_attributes',
          { rationale: 'needed' },
          { planning_attribute_id: planned },
        );
        await createRow(
          attempt,
          'scoping_decisions',
          { verdict: 'approved' },
          { scoping_attribute_id: scoped, decided_by: user(attempt, around) },
        );
      });
    },
  },
  {
    name: 'report observation',
    weight: 6,
    run: async (attempt, around) => {
      const of = maybe(attempt, 0.7, () => pair(attempt, around));
      const references: Record<string, Row | null> = {
        reported_by: user(attempt, around),
        duplicate_of: around.own.observations.length
          ? maybe(attempt, 0.2, () => any(attempt, around.own.observations))
          : null,
      };
      const severity = maybe(attempt, 0.5, () => any(attempt, around.found.severities));
      if (severity) references.severity_id = severity;
      const columns = of ? await pairColumns(attempt, 'observations', of) : {};
      const made = await createRow(
        attempt,
        'observations',
        { summary: `Seen by ${attempt.tag}` },
        references,
        columns,
      );
      attempt.changes.push({
        table: 'observations',
        reference: attempt.tag,
        references: {
          pair: of?.reference ?? null,
          closed_by: null,
          ...(severity ? {} : { severity_id: 'C1' }),
        },
      });
      keep(around.own.observations, made);
    },
  },
  {
    name: 'close observation',
    weight: 2,
    run: async (attempt, around) => {
      if (around.own.observations.length === 0) return;
      const which = any(attempt, around.own.observations);
      const by = user(attempt, around);
      await attempt.one(
        `observations ${which.reference}`,
        'update observations set closed_by = $2, closed_at = now() where observation_id = $1 returning reference',
        [await attempt.key(which), await attempt.key(by)],
      );
      attempt.changes.push({
        table: 'observations',
        reference: which.reference,
        references: { closed_by: by.reference },
      });
    },
  },
  {
    name: 'comment',
    weight: 4,
    run: async (attempt, around) => {
      const on = any(attempt, around.own.observations, around.found.observations);
      const made = await createRow(
        attempt,
        'observation_comments',
        { body: `Comment ${attempt.tag}` },
        {
          observation_id: on,
          author_id: user(attempt, around),
          reply_to: around.own.comments.length
            ? maybe(attempt, 0.3, () => around.own.comments.at(-1) as Row)
            : null,
        },
      );
      keep(around.own.comments, made);
    },
  },
  {
    name: 'delete comment',
    weight: 1,
    run: async (attempt, around) => {
      // The newest one: nothing replies to it.
      const which = around.own.comments.at(-1);
      if (!which) return;
      const rows = await attempt.query(
        'delete from observation_comments where comment_id = $1 returning reference',
        [await attempt.key(which)],
      );
      if (rows.length !== 1 && !attempt.again)
        throw new WrongAnswer(`observation_comments ${which.reference}: gone before it was deleted`);
      around.own.comments.pop();
      attempt.changes.push({ table: 'observation_comments', reference: which.reference, deleted: true });
    },
  },
  {
    name: 'audit',
    weight: 8,
    run: async (attempt, around) => {
      await createRow(
        attempt,
        'audit_logs',
        { action: 'update' },
        { user_id: maybe(attempt, 0.95, () => user(attempt, around)) },
      );
    },
  },
  {
    name: 'audit a model',
    weight: 3,
    run: async (attempt, around) => {
      await createRow(
        attempt,
        'llm_audit_logs',
        { model: 'small' },
        { actor_id: maybe(attempt, 0.9, () => user(attempt, around)) },
      );
    },
  },
  {
    // By natural key: ten of this client's own, whose value is known, and ten that all clients write.
    name: 'set configuration',
    weight: 4,
    run: async (attempt, around) => {
      const shared = attempt.random() < 0.5;
      const name = `client.${shared ? 'all' : around.client}.${Math.floor(attempt.random() * 10)}`;
      const severity = any(attempt, around.found.severities);
      await attempt.query(
        `insert into configurations (config_key, config_value, lookup_value_id) values ($1, $2, $3)
         on conflict (config_key) do update set config_value = excluded.config_value,
           lookup_value_id = excluded.lookup_value_id, updated_at = now()`,
        [name, attempt.tag, await attempt.key(severity)],
      );
      if (!shared) {
        attempt.changes.push({
          table: 'configurations',
          reference: name,
          created: true,
          values: { config_value: attempt.tag },
          references: { lookup_value_id: severity.reference },
        });
      }
    },
  },
  {
    name: 'notify',
    weight: 2,
    run: async (attempt, around) => {
      keep(
        around.own.notes,
        await createRow(attempt, 'notifications', { message: 'look' }, { user_id: user(attempt, around) }),
      );
    },
  },
  {
    name: 'read notification',
    weight: 2,
    run: async (attempt, around) => {
      const which = around.own.notes.at(-1);
      if (!which) return;
      await attempt.one(
        `notifications ${which.reference}`,
        'update notifications set read_at = now() where notification_id = $1 returning reference',
        [await attempt.key(which)],
      );
    },
  },
  {
    name: 'assign',
    weight: 3,
    run: async (attempt, around) => {
      // One's own phase and user: no other client makes the same assignment; the role is the column's default.
      const where = around.own.phases.at(-1);
      const whom = around.own.users.at(-1);
      const by = any(attempt, around.found.users);
      if (!where || !whom) return;
      const rows = await attempt.query(
        `insert into assignments (reference, phase_id, assignee_id, assigned_by) values ($1, $2, $3, $4)
         on conflict do nothing returning assignment_id::text as key`,
        [attempt.tag, await attempt.key(where), await attempt.key(whom), await attempt.key(by)],
      );
      if (rows.length === 0) return;
      attempt.changes.push({
        table: 'assignments',
        reference: attempt.tag,
        created: true,
        values: {},
        references: {
          phase_id: where.reference,
          assignee_id: whom.reference,
          role_id: 'Tester',
          assigned_by: by.reference,
        },
      });
    },
  },
  {
    name: 'announce',
    weight: 2,
    as: 'tenant',
    run: async (attempt) => {
      await attempt.create(
        'announcements',
        reference(attempt, 'slug'),
        { body: `News of ${attempt.tag}` },
        {},
      );
      const found = await attempt.one(
        'own announcements',
        'select count(*) filter (where tenant <> current_user)::text as foreign from announcements',
      );
      expectText('announcements of others', found.foreign, '0');
      attempt.changes.push({
        table: 'announcements',
        reference: attempt.tag,
        values: { tenant: 'testapp_tenant' },
      });
    },
  },
];
