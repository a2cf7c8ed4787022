import type { Row } from '../rows.js';
import {
  any,
  createRow,
  expectText,
  keep,
  lob,
  maybe,
  type Operation,
  pair,
  pairColumns,
  phase,
  reference,
  user,
} from './model.js';

/** Cycles, reports and their phases: the pair, the adopted key, defaults of references. */
export const workflowOperations: Operation[] = [
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
      const columns = await pairColumns(attempt, around, 'workflow_phases', of);
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
];
