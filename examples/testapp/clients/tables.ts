/** What the clients write, and how a row of it is known without its key. */
export interface ClientTable {
  /** the key's column; null where the key is made of references */
  key: string | null;
  /** the text that stands for a row */
  label: string;
  values: string[];
  /** column -> the table it refers to */
  references: Record<string, string>;
  /** refers to cycle_reports by the pair (cycle_id, report_id), or by cycle_report_id once there is one */
  pair?: boolean;
}

const table = (
  key: string | null,
  references: Record<string, string>,
  values: string[] = [],
  more: Partial<ClientTable> = {},
): ClientTable => ({ key, label: 'reference', values, references, ...more });

export const clientTables: Record<string, ClientTable> = {
  users: table('user_id', { lob_id: 'lobs', manager_id: 'users' }, ['full_name', 'email']),
  lobs: table('lob_id', { head_user_id: 'users' }, ['name']),
  roles: table('role_id', {}, [], { label: 'name' }),
  lookup_values: table('lookup_value_id', {}, [], { label: 'code' }),
  user_preferences: table(null, { user_id: 'users', delegate_id: 'users' }, ['theme'], { label: 'locale' }),
  user_roles: table(null, { user_id: 'users', role_id: 'roles', assigned_by: 'users' }),
  sessions: table('session_id', { user_id: 'users' }, [], { label: 'token' }),
  test_cycles: table('cycle_id', { lead_id: 'users' }, ['name', 'state']),
  reports: table('report_id', { owner_id: 'users', backup_owner_id: 'users', lob_id: 'lobs' }, ['title']),
  cycle_reports: table(null, { cycle_id: 'test_cycles', report_id: 'reports', tester_id: 'users' }, [
    'status',
  ]),
  workflow_phases: table('phase_id', { started_by: 'users' }, ['name', 'state'], { pair: true }),
  phase_activities: table('activity_id', { phase_id: 'workflow_phases', depends_on: 'phase_activities' }, [
    'name',
  ]),
  cycle_report_planning_attributes: table('id', { phase_id: 'workflow_phases', planned_by: 'users' }, [
    'note',
  ]),
  cycle_report_scoping_attributes: table(
    'attribute_id',
    { planning_attribute_id: 'cycle_report_planning_attributes' },
    ['rationale'],
  ),
  scoping_decisions: table(
    'decision_id',
    { scoping_attribute_id: 'cycle_report_scoping_attributes', decided_by: 'users' },
    ['verdict'],
  ),
  observations: table(
    'observation_id',
    { duplicate_of: 'observations', severity_id: 'lookup_values', reported_by: 'users', closed_by: 'users' },
    ['summary'],
    { pair: true },
  ),
  observation_comments: table(
    'comment_id',
    { observation_id: 'observations', author_id: 'users', reply_to: 'observation_comments' },
    ['body'],
  ),
  audit_logs: table('audit_id', { user_id: 'users' }, ['action']),
  llm_audit_logs: table('llm_audit_id', { actor_id: 'users' }, ['model']),
  configurations: table('config_id', { lookup_value_id: 'lookup_values' }, ['config_value'], {
    label: 'config_key',
  }),
  notifications: table('notification_id', { user_id: 'users' }, ['message']),
  assignments: table('assignment_id', {
    phase_id: 'workflow_phases',
    assignee_id: 'users',
    role_id: 'roles',
    assigned_by: 'users',
  }),
  announcements: table(null, {}, ['body', 'tenant'], { label: 'slug' }),
};
