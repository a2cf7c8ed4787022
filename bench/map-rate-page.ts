import { cpus, totalmem } from 'node:os';
import type { Filled, MapRate } from './map-rate.js';
import { fraction } from './measured.js';

const middle = (all: Filled[], of: (one: Filled) => number) => fraction(all.map(of), 0.5);

/** docs/map-rate.md. Pure but for the machine's name. */
export function mapRatePage({ rows, ranges, passes }: MapRate, version: number): string {
  const cpu = cpus();
  const [repeats] = [...ranges.values()].map((all) => all.length);
  return `# How fast map fills

\`npm run bench -- --map --rows ${rows} --write\` wrote this page: \`map\` of the benchmark's phase on ${rows.toLocaleString('en')} rows in five tables with
eight shadows, nobody else on the database; the middle one of ${repeats} runs each, by turns.

## Ranges at the same time

\`map.parallel\` of the plan: into so many ranges a large table is cut, and so many are filled at the same time, each by a connection
of its own. More than the server has cores or the disk can write gain nothing, and take from clients.

${table(new Map([...ranges].map(([count, all]) => [`parallel: ${count}`, all])))}

## Several passes over a stretch of blocks

An update that finds no room in its page puts the row's new version elsewhere, and pays for an entry in every index of the table. So map goes over
a stretch of blocks several times: what the first pass moves away is room for the later ones. On one connection, the same batches:

${table(
  new Map([
    ['one pass', passes.one],
    ['several passes', passes.several],
  ]),
)}

How long a batch is goes by time and by the clients that wait for it: [docs/protections.md](protections.md#batches-that-get-shorter-for-clients).

Measured on PostgreSQL ${version}, ${cpu.length} cores (${cpu[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB of memory, all on one machine.
`;
}

function table(sides: Map<string, Filled[]>): string {
  const line = (name: string, of: (all: Filled[]) => string) =>
    `| ${name} | ${[...sides.values()].map(of).join(' | ')} |`;
  return [
    `| | ${[...sides.keys()].join(' | ')} |`,
    `| --- | ${[...sides.keys()].map(() => '---:').join(' | ')} |`,
    line('time', (all) => `${middle(all, (one) => one.seconds).toFixed(1)} s`),
    line('rows a second', (all) =>
      Math.round(middle(all, (one) => one.rows / one.seconds)).toLocaleString('en'),
    ),
    line(
      'updates that stay in their page',
      (all) => `${Math.round(middle(all, (one) => one.hotShare) * 100)} %`,
    ),
    line('log a row', (all) => `${Math.round(middle(all, (one) => one.logBytes / one.rows))} bytes`),
    line('tables and indexes grow to', (all) => `${middle(all, (one) => one.growth).toFixed(2)} x`),
  ].join('\n');
}
