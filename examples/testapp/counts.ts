const shares = {
  users: 0.03,
  user_preferences: 0.02,
  user_roles: 0.035,
  sessions: 0.03,
  reports: 0.005,
  cycle_reports: 0.01,
  workflow_phases: 0.03,
  phase_activities: 0.06,
  report_attributes: 0.04,
  planning: 0.07,
  scoping: 0.05,
  scoping_decisions: 0.05,
  test_cases: 0.06,
  test_executions: 0.09,
  test_results: 0.09,
  sample_sets: 0.01,
  samples: 0.08,
  observations: 0.04,
  observation_comments: 0.05,
  rfi_requests: 0.015,
  rfi_responses: 0.015,
  documents: 0.02,
  archived: 0.01,
  data_profiles: 0.005,
  profiling_rules: 0.02,
  profiling_results: 0.03,
  audit_logs: 0.08,
  llm_audit_logs: 0.03,
  notifications: 0.03,
  assignments: 0.02,
  orders: 0.003,
  evidence: 0.003,
} as const;

export type Counts = Record<keyof typeof shares | 'lobs' | 'test_cycles' | 'data_sources', number>;

/** How many rows each table gets, by the plausible share it has of an application's rows. */
export function countsFor(rows: number): Counts {
  const total = Math.max(1000, Math.floor(rows));
  const sum = Object.values(shares).reduce((a, b) => a + b, 0);
  const counts = Object.fromEntries(
    Object.entries(shares).map(([table, share]) => [table, Math.max(12, Math.round((total * share) / sum))]),
  ) as Counts;
  counts.lobs = 5 + Math.floor(total / 20_000);
  counts.test_cycles = 4 + Math.floor(total / 5_000);
  counts.data_sources = Math.min(500, 6 + Math.floor(total / 10_000));
  return counts;
}
