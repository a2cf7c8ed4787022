import { cpus, totalmem } from 'node:os';
import { goalsOf } from './goals.js';
import type { Measured } from './measured.js';
import type { Settings } from './settings.js';

const count = (n: number) => n.toLocaleString('en');
const ms = (n: number | null) => (n === null ? '' : `${count(Math.round(n))} ms`);
const seconds = (n: number) => `${n.toFixed(1)} s`;
const mb = (bytes: number) => `${count(Math.round(bytes / 1_048_576))} MB`;

const lines: [string, (m: Measured) => string][] = [
  ['time', (m) => seconds(m.seconds)],
  ['write-ahead log', (m) => mb(m.logBytes)],
  ['locks of the cutover, waited for and held', (m) => ms(m.cutoverMs)],
  ['locks of the swap back', (m) => ms(m.swapBackMs)],
  ['longest client stall outside of them', (m) => ms(m.longestStallMs)],
  ['longest client stall at the cutover', (m) => ms(m.longestStallAtCutoverMs)],
  ['longest client stall at the swap back', (m) => ms(m.longestStallAtSwapBackMs)],
  ['client operations', (m) => count(m.operations)],
  ['of these, tried again with the new key', (m) => count(m.retried)],
  ['failed operations', (m) => count(m.failed)],
  ['references compared', (m) => count(m.verdict.checked)],
  ['wrong references', (m) => count(m.verdict.wrongReferences)],
  ['lost writes', (m) => count(m.verdict.lostWrites + m.verdict.lostRows)],
  [
    'the same after the swap back',
    (m) =>
      m.afterSwapBack === null
        ? ''
        : `${count(m.afterSwapBack.wrongReferences)}, ${count(m.afterSwapBack.lostWrites + m.afterSwapBack.lostRows)}`,
  ],
  [
    'rows a second of `map`',
    (m) => (m.mapRowsPerSecond === null ? '' : count(Math.round(m.mapRowsPerSecond))),
  ],
];

export function tableOf(all: Measured[]): string {
  const rows = [
    ['', ...all.map((m) => `${m.side}, ${count(m.rows)} rows`)],
    ...lines.map(([name, value]) => [name, ...all.map(value)]),
    ['time against the script', ...all.map((m) => ratio(all, m, (x) => x.seconds))],
    ['log against the script', ...all.map((m) => ratio(all, m, (x) => x.logBytes))],
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0))) ?? [];
  const line = (cells: string[]) =>
    `| ${cells.map((c, i) => (i === 0 ? c.padEnd(widths[i] ?? 0) : c.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((w, i) => (i === 0 ? '-'.repeat(w) : `${'-'.repeat(Math.max(1, w - 1))}:`)).join(' | ')} |`;
  return [line(rows[0] as string[]), rule, ...rows.slice(1).map(line)].join('\n');
}

function ratio(all: Measured[], m: Measured, of: (m: Measured) => number): string {
  const script = all.find((x) => x.side === 'by hand' && x.rows === m.rows);
  return m.side === 'Rekey' && script ? (of(m) / of(script)).toFixed(2) : '';
}

/** All that was measured on one server. */
export interface Run {
  settings: Settings;
  all: Measured[];
}

/** docs/benchmark.md */
export function page(runs: Run[], version: number, rate: number): string {
  const cpu = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const sizes = [...new Set(runs.flatMap(({ all }) => all.map((m) => m.rows)))];
  return `# Benchmark

\`npm run bench -- --rows ${sizes.join(',')}${runs.length > 1 ? ' --settings shipped,tuned' : ''} --write\` wrote this page. What the goals are compared with depends on
the server, so that there is a table for ${runs.length > 1 ? 'each of two' : 'one'}.

${runs.map(section).join('\n')}
## What is compared

Two copies of one database: accounts and seven references to it in five tables (a self reference, a unique reference, a
primary key made of two references, a nullable one with a partial index), 15 % of the rows accounts. \`bench/schema.sql\` and
\`bench/rows.ts\` make it.

By hand: \`bench/by-hand.sql\`, the script that one would write for it, a group of statements a table, each in one transaction,
and the cutover in a last one. Its time is from the first statement to the last COMMIT.

Rekey: \`bench/plan.yaml\`, run by the workflow \`runPhase\` on a Temporal server, with a worker beside it. Its time is from
\`addColumns\` to the end of \`swapKeys\`, all validations before the cutover and the gate (approved at once) included. Afterwards
the phase is rejected and rolled back, so that the swap back is measured, too.

On both sides clients do ${rate} operations a second in an open loop: reads by key, inserts into four tables, changes
of references. The time of an operation counts from when it was due. A client whose key has another type than it thought
asks for the new one and tries once more; every other error is a failed operation. At the end every reference of every
row is compared with what made it, or with what was acknowledged to a client last.

## What it was measured on

PostgreSQL ${version}, ${cpu.length} cores (${cpu[0]?.model.trim() ?? 'unknown'}), ${memory} GB of memory; clients, worker and Temporal on
the same machine.
`;
}

function section({ settings, all }: Run): string {
  const values = Object.entries(settings.values).map(([name, value]) => `\`${name} = ${value}\``);
  const goals = goalsOf(all).map(
    ([goal, value, reached]) => `- ${goal}: ${value}, ${reached ? 'reached' : 'not reached'}`,
  );
  const parts = all.map(
    (m) =>
      `- ${m.side}, ${count(m.rows)} rows: ${m.parts.map((p) => `${p.part} ${seconds(p.seconds)}`).join(', ')}`,
  );
  return `## ${settings.title}

Both sides with ${values.join(', ')}; all else is PostgreSQL's default.

${tableOf(all)}

Goals:

${goals.join('\n')}

Where the time went:

${parts.join('\n')}
`;
}
