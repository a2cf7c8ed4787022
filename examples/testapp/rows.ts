import type { Counts } from './counts.js';

/**
 * What the generator puts into each table, as set-based SQL: a row is computed from its number, the seed and nothing
 * else. No random(), no now(): `hashint8extended` gives the same on every version.
 */

export interface TableRows {
  sql: string;
  /** the serial or identity column to set; keys above `below` were given by hand */
  sequence?: { table: string; column: string; below?: number };
}

/** Keys by a row's number (from 1). Where they differ from it, a real table would have gaps, too. */
const key = {
  user: (n: string) => `(${n} + ${n} / 50)`,
  report: (n: string) => `(990 + 10 * ${n})`,
  observation: (n: string) => `(${n} + 3 * (${n} / 100))`,
};

export function tableRows(counts: Counts, seed: number): TableRows[] {
  let salt = 0;
  const hash = (n: string, s: number) =>
    `abs(hashint8extended((${n})::bigint, ${Math.trunc(seed) * 1000 + s}::bigint) / 2)`;
  /** a number that row g always gets; each call site draws anew */
  const draw = () => hash('g', ++salt);
  const pick = (max: number) => `(1 + ${draw()} % ${max})::int`;
  const chance = (percent: number) => `(${draw()} % 100 < ${percent})`;
  const user = () => key.user(pick(counts.users));
  /** rises with g over three years; neighbours may change places */
  const at = (n: number) =>
    `timestamptz '2023-01-02 08:00+00' + (g::float8 / ${n} + ${draw()} % 1000 * 3e-3 / ${n}) * interval '1000 days'`;
  /** the k-th (cycle, report) pair: cycles share reports, no pair comes twice */
  const cycleOf = (k: string) => `(1 + (${k} - 1) % ${counts.test_cycles})`;
  const reportOf = (k: string) =>
    key.report(`(1 + ((${k} - 1) / ${counts.test_cycles} + ${cycleOf(k)} * 31) % ${counts.reports})`);
  // A small database has fewer pairs than its share asks for.
  const pairs = Math.min(counts.cycle_reports, counts.test_cycles * counts.reports);
  /** `once`: what a row needs at two places, as a select list */
  const insert = (
    into: string,
    select: string,
    n: number,
    sequence?: TableRows['sequence'],
    once = '1',
  ): TableRows => ({
    sql: `insert into ${into} select ${select} from generate_series(1, ${n}) g cross join lateral (select ${once}) o`,
    sequence,
  });

  return [
    insert('lookup_types', `g, 'type ' || g, timestamptz '2022-12-01 00:00+00'`, 10),
    insert(
      'lookup_values (lookup_value_id, lookup_type_id, code, label, position, created_at)',
      `g, 1 + g % 10, 'C' || g, 'Value ' || g, g / 10, timestamptz '2022-12-01 00:00+00'`,
      100,
      { table: 'lookup_values', column: 'lookup_value_id' },
    ),
    {
      sql: `insert into lookup_values values (-1, 1, 'unknown', 'Unknown', -1, timestamptz '2022-12-01 00:00+00')`,
    },
    insert(
      'configurations (config_id, config_key, config_value, lookup_value_id, created_at, updated_at)',
      `case when g <= 5 then -g else g - 5 end, 'setting.' || g, 'v' || ${pick(9)},
       case when ${chance(20)} then -1 when ${chance(10)} then null else ${pick(100)} end,
       timestamptz '2022-12-01 00:00+00', timestamptz '2022-12-01 00:00+00'`,
      60,
      { table: 'configurations', column: 'config_id' },
    ),

    // Heads come after their lines of business: that foreign key is initially deferred.
    insert(
      'lobs (lob_id, reference, name, head_user_id, created_at)',
      `g, 'L-' || g, 'Line of business ' || g, ${key.user('g')}, timestamptz '2022-12-15 00:00+00' + g * interval '1 hour'`,
      counts.lobs,
      { table: 'lobs', column: 'lob_id' },
    ),
    insert(
      'users (user_id, reference, email, full_name, lob_id, manager_id, is_active, created_at, updated_at)',
      `${key.user('g')}, 'U-' || g, 'user' || g || '@example.com',
       (array['Ada','Bela','Chidi','Dana','Emre','Freya','Gita','Hugo'])[${pick(8)}] || ' ' ||
       (array['Abe','Brandt','Costa','Diallo','Eriksen','Fofana','Garcia','Hoang','Ito'])[${pick(9)}],
       ${pick(counts.lobs)},
       case when g > ${counts.lobs} then ${key.user(`(1 + ${draw()} % least(g - 1, 1 + ${counts.users} / 12))::int`)} end,
       not ${chance(8)}, ${at(counts.users)}, timestamptz '2026-01-01 00:00+00'`,
      counts.users,
      { table: 'users', column: 'user_id' },
    ),
    insert(
      'user_preferences (user_id, locale, theme, delegate_id, updated_at)',
      `${key.user('g')}, (array['en','de','fr','ja'])[${pick(4)}], case when ${chance(30)} then 'dark' else 'light' end,
       case when ${chance(10)} then ${user()} end, ${at(counts.user_preferences)}`,
      Math.min(counts.users, counts.user_preferences),
    ),
    {
      sql: `insert into roles (role_id, name, created_at)
            select g, (array['Tester','Test Executive','Report Owner','Report Owner Executive','Data Owner','Data Executive','Admin','Auditor'])[g],
                   timestamptz '2022-12-01 00:00+00'
            from generate_series(1, 8) g`,
      sequence: { table: 'roles', column: 'role_id' },
    },
    insert(
      'permissions',
      `g * 10, 'permission ' || g, case when g % 4 > 0 and g > 4 then (g / 4) * 40 end`,
      40,
    ),
    insert('role_permissions', `1 + (g - 1) % 8, 10 * (1 + ((g - 1) / 8 * 3 + (g - 1) % 8) % 40)`, 96),
    insert(
      'user_roles (user_id, role_id, reference, assigned_by, created_at)',
      `${key.user(`(1 + (g - 1) % ${counts.users})`)}, 1 + ((g - 1) / ${counts.users} + g % 3 * 2) % 8, 'UR-' || g,
       case when ${chance(90)} then ${user()} end, ${at(counts.user_roles)}`,
      counts.user_roles,
    ),
    insert(
      'sessions (session_id, user_id, token, created_at, expires_at) overriding system value',
      `g, o.user_id, md5(${seed} || '/' || g), o.at, o.at + interval '12 hours'`,
      counts.sessions,
      { table: 'sessions', column: 'session_id' },
      `${user()} as user_id, ${at(counts.sessions)} as at`,
    ),

    insert(
      'test_cycles (cycle_id, reference, name, lead_id, state, created_at)',
      `g, 'C-' || g, 'Cycle ' || g, ${user()}, case when g < ${counts.test_cycles} * 0.8 then 'done' when g < ${counts.test_cycles} then 'running' else 'planned' end,
       ${at(counts.test_cycles)}`,
      counts.test_cycles,
      { table: 'test_cycles', column: 'cycle_id' },
    ),
    insert(
      'reports (report_id, reference, title, owner_id, backup_owner_id, lob_id, created_at, deleted_at)',
      `${key.report('g')}, 'R-' || g, 'Report ' || g, o.owner_id, nullif(o.backup_owner_id, o.owner_id), ${pick(counts.lobs)}, o.at,
       case when ${chance(6)} then o.at + interval '90 days' end`,
      counts.reports,
      { table: 'reports', column: 'report_id' },
      `${user()} as owner_id, case when ${chance(60)} then ${user()} end as backup_owner_id, ${at(counts.reports)} as at`,
    ),
    insert(
      'cycle_reports (cycle_id, report_id, reference, tester_id, status, created_at)',
      `${cycleOf('g')}, ${reportOf('g')}, 'CR-' || g, case when ${chance(85)} then ${user()} end,
       case when ${chance(30)} then 'open' else 'closed' end, ${at(pairs)}`,
      pairs,
    ),
    insert(
      'workflow_phases (phase_id, reference, cycle_id, report_id, name, state, started_by, started_at, created_at)',
      `g, 'P-' || g, ${cycleOf(`(1 + (g - 1) % ${pairs})`)}, ${reportOf(`(1 + (g - 1) % ${pairs})`)},
       (array['Planning','Scoping','Data Profiling','Sample Selection','Request Info','Testing','Observations'])[1 + (g - 1) / ${pairs} % 7],
       case when o.started then case when ${chance(70)} then 'complete' else 'in_progress' end else 'not_started' end,
       case when o.started then ${user()} end, case when o.started then o.at + interval '2 days' end, o.at`,
      counts.workflow_phases,
      { table: 'workflow_phases', column: 'phase_id' },
      `${chance(60)} as started, ${at(counts.workflow_phases)} as at`,
    ),
    insert(
      'phase_activities (activity_id, phase_id, depends_on, reference, name, done_at, created_at)',
      `g, ${pick(counts.workflow_phases)}, case when g > 1 and ${chance(40)} then 1 + ${draw()} % (g - 1) end,
       'A-' || g, 'Activity ' || ${pick(40)}, case when ${chance(60)} then timestamptz '2025-12-01 00:00+00' end, ${at(counts.phase_activities)}`,
      counts.phase_activities,
      { table: 'phase_activities', column: 'activity_id' },
    ),

    insert(
      'report_attributes (attribute_id, report_id, name, is_key, created_at)',
      `g, ${key.report(`(1 + (g - 1) % ${counts.reports})`)}, 'Attribute ' || (1 + (g - 1) / ${counts.reports}), ${chance(15)}, ${at(counts.report_attributes)}`,
      counts.report_attributes,
      { table: 'report_attributes', column: 'attribute_id' },
    ),
    insert(
      'cycle_report_planning_attributes (id, reference, phase_id, attribute_id, planned_by, note, created_at)',
      `g, 'PA-' || g, ${pick(counts.workflow_phases)}, case when ${chance(95)} then ${pick(counts.report_attributes)} end,
       case when ${chance(90)} then ${user()} end, 'note ' || ${pick(1000)}, ${at(counts.planning)}`,
      counts.planning,
      { table: 'cycle_report_planning_attributes', column: 'id' },
    ),
    // Scoping rows were not made in the order of their planning attributes.
    insert(
      'cycle_report_scoping_attributes (attribute_id, planning_attribute_id, reference, in_scope, rationale, created_at)',
      `g + 2 * (g / 70), case when g % 2 = 1 and g < ${counts.scoping} then g + 1 when g % 2 = 0 then g - 1 else g end, 'SA-' || g, ${chance(75)}, 'rationale ' || ${pick(500)}, ${at(counts.scoping)}`,
      counts.scoping,
      { table: 'cycle_report_scoping_attributes', column: 'attribute_id' },
    ),
    insert(
      'scoping_decisions (decision_id, scoping_attribute_id, decided_by, reference, verdict, created_at)',
      `g, o.s + 2 * (o.s / 70), case when ${chance(95)} then ${user()} end, 'SD-' || g, case when ${chance(80)} then 'approved' else 'returned' end, ${at(counts.scoping_decisions)}`,
      counts.scoping_decisions,
      { table: 'scoping_decisions', column: 'decision_id' },
      `${pick(counts.scoping)} as s`,
    ),

    insert(
      'data_sources (data_source_id, name, lob_id, created_at)',
      `g, 'source ' || g, case when ${chance(80)} then ${pick(counts.lobs)} end, ${at(counts.data_sources)}`,
      counts.data_sources,
      { table: 'data_sources', column: 'data_source_id' },
    ),
    insert(
      'test_cases (test_case_id, phase_id, planning_attribute_id, data_source_id, author_id, title, created_at)',
      `g, ${pick(counts.workflow_phases)}, case when ${chance(90)} then ${pick(counts.planning)} end,
       case when ${chance(70)} then ${pick(counts.data_sources)} end, ${user()}, 'Test case ' || g, ${at(counts.test_cases)}`,
      counts.test_cases,
      { table: 'test_cases', column: 'test_case_id' },
    ),
    insert(
      'test_executions (execution_id, test_case_id, executed_by, attempt, started_at, created_at)',
      `g, 1 + (g - 1) % ${counts.test_cases}, ${user()}, 1 + (g - 1) / ${counts.test_cases}, o.at - interval '20 minutes', o.at`,
      counts.test_executions,
      { table: 'test_executions', column: 'execution_id' },
      `${at(counts.test_executions)} as at`,
    ),
    insert(
      'test_results (result_id, execution_id, outcome, details, created_at) overriding system value',
      `g, ${pick(counts.test_executions)}, (array['pass','pass','pass','pass','fail','blocked'])[${pick(6)}],
       jsonb_build_object('ms', ${pick(9000)}), ${at(counts.test_results)}`,
      counts.test_results,
      { table: 'test_results', column: 'result_id' },
    ),
    insert(
      'sample_sets (sample_set_id, cycle_id, report_id, method, created_at)',
      `g, ${cycleOf(`(1 + (g - 1) % ${pairs})`)}, ${reportOf(`(1 + (g - 1) % ${pairs})`)}, (array['random','targeted','full'])[1 + g % 3], ${at(counts.sample_sets)}`,
      counts.sample_sets,
      { table: 'sample_sets', column: 'sample_set_id' },
    ),
    insert(
      'samples (sample_id, sample_set_id, method, position, picked_by, value, created_at)',
      `g, 1 + (g - 1) % ${counts.sample_sets}, (array['random','targeted','full'])[1 + (1 + (g - 1) % ${counts.sample_sets}) % 3],
       1 + (g - 1) / ${counts.sample_sets}, case when ${chance(80)} then ${user()} end, 'value ' || ${pick(100000)}, ${at(counts.samples)}`,
      counts.samples,
      { table: 'samples', column: 'sample_id' },
    ),

    insert(
      `observations (observation_id, reference, duplicate_of, cycle_id, report_id, execution_id, severity_id, reported_by,
                     closed_by, closed_at, summary, created_at)`,
      `${key.observation('g')}, 'O-' || g,
       case when g > 1 and ${chance(8)} then ${key.observation(`(1 + ${draw()} % (g - 1))::int`)} end,
       case when o.pair then ${cycleOf('o.k')} end, case when o.pair then ${reportOf('o.k')} end,
       case when ${chance(70)} then ${pick(counts.test_executions)} end, case when ${chance(3)} then -1 else ${pick(5)} end, ${user()},
       case when o.closed then ${user()} end, case when o.closed then timestamptz '2025-11-01 00:00+00' end,
       'Observation ' || g, ${at(counts.observations)}`,
      counts.observations,
      { table: 'observations', column: 'observation_id' },
      `${pick(pairs)} as k, ${chance(80)} as pair, ${chance(40)} as closed`,
    ),
    insert(
      'observation_comments (comment_id, observation_id, author_id, reply_to, reference, body, created_at)',
      `g, ${key.observation(pick(counts.observations))}, ${user()}, case when g > 1 and ${chance(30)} then 1 + ${draw()} % (g - 1) end,
       'OC-' || g, 'Comment ' || g, ${at(counts.observation_comments)}`,
      counts.observation_comments,
      { table: 'observation_comments', column: 'comment_id' },
    ),
    insert(
      'rfi_requests (request_id, phase_id, requested_by, question, created_at)',
      `g, ${pick(counts.workflow_phases)}, ${user()}, 'Question ' || g, ${at(counts.rfi_requests)}`,
      counts.rfi_requests,
      { table: 'rfi_requests', column: 'request_id' },
    ),
    insert(
      'rfi_responses (response_id, request_id, responder_id, answer, created_at)',
      `g, 1 + (g - 1) % ${counts.rfi_requests}, ${user()}, 'Answer ' || g, ${at(counts.rfi_responses)}`,
      counts.rfi_responses,
      { table: 'rfi_responses', column: 'response_id' },
    ),
    insert(
      'documents (document_id, observation_id, execution_id, request_id, uploaded_by, title, created_at)',
      `case when g > ${counts.documents} - 3 then 2147483647 - (${counts.documents} - g) else g end,
       case when g % 3 = 0 then ${key.observation(pick(counts.observations))} end, case when g % 3 = 1 then ${pick(counts.test_executions)} end,
       case when g % 3 = 2 then ${pick(counts.rfi_requests)} end, ${user()}, 'Document ' || g, ${at(counts.documents)}`,
      counts.documents,
      { table: 'documents', column: 'document_id', below: 2_147_000_000 },
    ),
    insert(
      'archive.documents (document_id, archived_by, replaces, title, created_at)',
      `g * 7, case when ${chance(90)} then ${user()} end, case when g > 1 and ${chance(25)} then 7 * (1 + ${draw()} % (g - 1)) end,
       'Archived ' || g, ${at(counts.archived)}`,
      counts.archived,
    ),

    insert(
      'data_profiles (profile_id, data_source_id, phase_id, requested_by, created_at)',
      `g, ${pick(counts.data_sources)}, ${pick(counts.workflow_phases)}, case when ${chance(90)} then ${user()} end, ${at(counts.data_profiles)}`,
      counts.data_profiles,
      { table: 'data_profiles', column: 'profile_id' },
    ),
    insert(
      'profiling_rules (rule_id, profile_id, attribute_id, expression, created_at)',
      `g, ${pick(counts.data_profiles)}, ${pick(counts.report_attributes)}, 'value is not null and rule <> ' || g, ${at(counts.profiling_rules)}`,
      counts.profiling_rules,
      { table: 'profiling_rules', column: 'rule_id' },
    ),
    insert(
      'profiling_results (result_id, rule_id, rows_seen, rows_bad, created_at)',
      `g, ${pick(counts.profiling_rules)}, 1000 + ${pick(9000)}, ${pick(1000)}, ${at(counts.profiling_results)}`,
      counts.profiling_results,
      { table: 'profiling_results', column: 'result_id' },
    ),

    insert(
      'audit_logs (audit_id, user_id, action, entity_reference, reference, created_at)',
      `g, case when ${chance(97)} then ${user()} end, (array['login','logout','create','update','approve','export'])[${pick(6)}],
       'R-' || ${pick(counts.reports)}, 'AL-' || g, ${at(counts.audit_logs)}`,
      counts.audit_logs,
      { table: 'audit_logs', column: 'audit_id' },
    ),
    insert(
      'llm_audit_logs (llm_audit_id, actor_id, model, reference, tokens, created_at)',
      `g, case when ${chance(92)} then ${user()} end, (array['small','medium','large'])[${pick(3)}], 'LL-' || g, ${pick(4000)}, ${at(counts.llm_audit_logs)}`,
      counts.llm_audit_logs,
      { table: 'llm_audit_logs', column: 'llm_audit_id' },
    ),
    insert(
      'notifications (notification_id, user_id, reference, message, read_at, created_at)',
      `g, ${user()}, 'N-' || g, 'Message ' || g, case when ${chance(70)} then timestamptz '2025-12-24 00:00+00' end, ${at(counts.notifications)}`,
      counts.notifications,
      { table: 'notifications', column: 'notification_id' },
    ),
    insert(
      'assignments (assignment_id, reference, phase_id, assignee_id, role_id, assigned_by, created_at)',
      `g, 'AS-' || g, 1 + (g - 1) % ${counts.workflow_phases}, o.assignee_id, ${pick(8)}, nullif(o.assigned_by, o.assignee_id), ${at(counts.assignments)}`,
      counts.assignments,
      { table: 'assignments', column: 'assignment_id' },
      `${user()} as assignee_id, ${user()} as assigned_by`,
    ),
    insert(
      '"Order" ("Order", "Ordered By", "Data Source", "select", created_at)',
      `g, ${user()}, case when ${chance(80)} then ${pick(counts.data_sources)} end, 'Order ' || g, ${at(counts.orders)}`,
      counts.orders,
      { table: '"Order"', column: 'Order' },
    ),
    insert(
      'regulatory_submission_acknowledgement_evidence_by_cycle_reports',
      `g, case when o.pair then ${cycleOf('o.k')} end, case when o.pair then ${reportOf('o.k')} end, ${user()}, 'Evidence ' || g, ${at(counts.evidence)}`,
      counts.evidence,
      { table: 'regulatory_submission_acknowledgement_evidence_by_cycle_reports', column: 'id' },
      `${pick(pairs)} as k, ${chance(85)} as pair`,
    ),
    insert(
      'announcements (slug, tenant, body, created_at)',
      `'news-' || g, case when g % 2 = 0 then 'testapp_tenant' else 'head office' end, 'News ' || g, timestamptz '2025-01-01 00:00+00' + g * interval '1 day'`,
      10,
    ),
  ];
}
