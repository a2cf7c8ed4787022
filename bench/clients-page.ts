import { cpus, totalmem } from 'node:os';
import { type ClientsMeasured, clientRate } from './clients.js';

const cutovers = ['swapKeys', 'swapKeysBack'];

/** Each goal with what was measured, and whether it was reached. */
export function clientGoals({
  stalls,
  locks,
  lost,
  complaints,
}: ClientsMeasured): [string, string, boolean][] {
  const most = (values: { step: string; ms: number }[], at: boolean) =>
    Math.max(0, ...values.filter(({ step }) => cutovers.includes(step) === at).map(({ ms }) => ms));
  const limit = (goal: string, ms: number, limit: number): [string, string, boolean] => [
    `${goal} <= ${limit} ms`,
    `${Math.round(ms)} ms`,
    ms <= limit,
  ];
  const wrong = lost + complaints.length;
  return [
    limit('longest stall outside of cutovers', most(stalls, false), 200),
    limit('longest stall at a cutover', most(stalls, true), 500),
    limit('locks of a cutover', most(locks, true), 250),
    ['lost, wrong or unexplained', String(wrong), wrong === 0],
  ];
}

/** docs/live-clients.md */
export function clientsPage(measured: ClientsMeasured, version: number): string {
  const count = (n: number) => n.toLocaleString('en');
  const goals = clientGoals(measured).map(
    ([goal, value, reached]) => `- ${goal}: ${value}, ${reached ? 'reached' : 'not reached'}`,
  );
  const stalls = measured.stalls.map(
    ({ step, phase, ms, operation }) => `| ${step} | ${phase} | ${Math.round(ms)} ms | ${operation} |`,
  );
  const cpu = cpus();
  return `# What live clients notice

\`npm run bench -- --clients --rows ${measured.rows} --write\` wrote this page: the shop of the chaos rounds with ${count(measured.rows)} rows,
two phases through Temporal, the second one forward, back and forward again, then cleanup, under ${clientRate} operations a second of every
kind of client (an open loop; kinds and contract in [limits.md](limits.md), the clients in \`chaos/clients\`).

${goals.join('\n')}

${count(measured.operations)} operations in ${measured.seconds.toFixed(0)} s, ${count(measured.retried)} of them tried once more at a change of the schema. Afterwards every row,
reference, sum and key was compared by value with what clients had been told.

The longest that an operation took in each step, counted from when it was due; 20 ms is told where none took
longer. Reports hold their locks for 5 s and transactions idle for 2 s on purpose: their own time is taken off.

| step | phase | longest | operation |
| --- | --- | ---: | --- |
${stalls.join('\n')}

Measured on PostgreSQL ${version}, ${cpu.length} cores (${cpu[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB of memory; clients, worker and Temporal on the same
machine.
`;
}
