import { randomBytes } from 'node:crypto';
import { type Attempt, WrongAnswer } from '../session.js';
import { any, createRow, expectText, keep, lob, maybe, type Operation, reference, user } from './model.js';

/** The key of a row that is not there yet: a number from the sequence, or a UUID that rises with time. */
async function newUserKey(attempt: Attempt): Promise<string> {
  if (!attempt.session.shape.isUuid('users', 'user_id')) {
    return (await attempt.one('sequence', `select nextval('users_user_id_seq')::text as key`)).key as string;
  }
  const time = Date.now().toString(16).padStart(12, '0');
  const rest = randomBytes(10).toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-a${rest.slice(3, 6)}-${rest.slice(6, 18)}`;
}

/** Users, lines of business, roles and sessions: self references, a cycle, cascades, keys that the client brings. */
export const peopleOperations: Operation[] = [
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
];
