import type { Row } from '../rows.js';
import { WrongAnswer } from '../session.js';
import {
  any,
  createRow,
  expectText,
  keep,
  maybe,
  type Operation,
  pair,
  pairColumns,
  reference,
  user,
} from './model.js';

/** Observations, logs and what hangs on no phase: deferred references, natural keys, row-level security. */
export const recordsOperations: Operation[] = [
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
      const columns = of ? await pairColumns(attempt, around, 'observations', of) : {};
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
