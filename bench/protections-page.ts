import { cpus, totalmem } from 'node:os';
import type { MapUnderLoad } from './feedback.js';
import { fraction } from './measured.js';
import { moments, type Protections, untouched } from './protections.js';
import { writeKinds } from './write-cost.js';

const middle = (values: number[]) => fraction(values, 0.5);

const extraOf = ({ temporal, bare }: Protections['orchestration']) => middle(temporal) - middle(bare);

/** Pure. */
export function differenceText(orchestration: Protections['orchestration']): string {
  const extra = extraOf(orchestration);
  const spread = Math.max(...orchestration.bare) - Math.min(...orchestration.bare);
  const difference = `The difference of the middle ones is ${extra.toFixed(1)} s`;
  return Math.abs(extra) > spread
    ? `${difference}, that of one phase with its steps, slices and gate.`
    : `${difference}, less than that between two runs without Temporal (${spread.toFixed(1)} s).`;
}

/** Each goal with what was measured, and whether it was reached. */
export function protectionGoals({ writes, orchestration }: Protections): [string, string, boolean][] {
  const before = writes.get(untouched);
  const during = writes.get(Object.keys(moments)[0] as string);
  const single = writeKinds.filter((kind) => !/rows/.test(kind));
  const ratios = single.map((kind) => (during?.[kind] ?? Number.NaN) / (before?.[kind] ?? Number.NaN));
  const all = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  const extra = (extraOf(orchestration) / middle(orchestration.bare)) * 100;
  return [
    [
      "an application's writes under the sync trigger <= 1.15 x, on average over single statements",
      `${all.toFixed(2)} x`,
      all <= 1.15,
    ],
    ['orchestration <= 5 % over the same activities without Temporal', `${extra.toFixed(1)} %`, extra <= 5],
  ];
}

/** docs/protections.md */
export function protectionsPage(measured: Protections, version: number): string {
  const { rows, writes, orchestration, feedback } = measured;
  const before = writes.get(untouched);
  const names = [...writes.keys()];
  const cell = (name: string, kind: (typeof writeKinds)[number]) => {
    const ms = writes.get(name)?.[kind] ?? Number.NaN;
    const ratio = name === untouched ? '' : ` (${(ms / (before?.[kind] ?? Number.NaN)).toFixed(2)} x)`;
    return `${ms.toFixed(ms < 10 ? 2 : 0)} ms${ratio}`;
  };
  const lines = writeKinds.map(
    (kind) => `| ${kind} | ${names.map((name) => cell(name, kind)).join(' | ')} |`,
  );
  const seconds = (values: number[]) => values.map((value) => value.toFixed(1)).join(', ');
  const goals = protectionGoals(measured).map(
    ([goal, value, reached]) => `- ${goal}: ${value}, ${reached ? 'reached' : 'not reached'}`,
  );
  const cpu = cpus();
  return `# What the protections cost

\`npm run bench -- --protections --rows ${rows} --write\` wrote this page: each protection beside the same without it, by turns, in one
run, on ${rows.toLocaleString('en')} rows of the benchmark's database.

${goals.join('\n')}

## Writes of the application

The median of one statement, from the client's side, over a connection of its own; single statements with their commit
(\`fsync\` and \`synchronous_commit\` are on). Twins are indexes that every write keeps up; the sync trigger of the way back does what
the one before the cutover did, the other way round.

| | ${names.join(' | ')} |
| --- | ${names.map(() => '---:').join(' | ')} |
${lines.join('\n')}

## Orchestration

One phase from \`addColumns\` to the end of \`swapKeys\`, with nobody else on the database: the activities called one after the other
by a program, and the same through workflow, worker, Temporal server and a gate; for how long the gate waited is taken off.

- without Temporal: ${seconds(orchestration.bare)} s
- through Temporal: ${seconds(orchestration.temporal)} s

${differenceText(orchestration)}

## Batches that get shorter for clients

\`map\` under 400 operations a second on the rows that it fills. It looks every 40 ms whether a client waits for a row of the batch under
way; batches behind which one waited for more than 30 ms get shorter. Beside it the same without that look, by turns; times
from when an operation was due.

| | looking | not looking |
| --- | ---: | ---: |
${feedbackLines(feedback).join('\n')}

Measured on PostgreSQL ${version}, ${cpu.length} cores (${cpu[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB of memory, all on one machine.
`;
}

function feedbackLines({ looking, blind }: Protections['feedback']): string[] {
  const line = (name: string, of: (under: MapUnderLoad) => string) =>
    `| ${name} | ${looking.map(of).join(', ')} | ${blind.map(of).join(', ')} |`;
  const ms = (value: number) => `${Math.round(value)} ms`;
  return [
    line('operations that took over 30 ms, of 1,000', (u) => ((u.over30 / u.operations) * 1000).toFixed(1)),
    line('999 of 1,000 took less than', (u) => ms(u.almostAll)),
    line('the longest', (u) => ms(u.longest)),
    line('time of `map`', (u) => `${u.seconds.toFixed(1)} s`),
  ];
}
