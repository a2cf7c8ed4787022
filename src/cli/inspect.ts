import type { Command } from 'commander';
import { formatColumn } from '../plan/names.js';
import {
  type InspectedDomain,
  type InspectedKey,
  type Inspection,
  inspectCatalog,
} from '../report/inspection.js';
import { readDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { hazardsText } from './hazards-text.js';
import { bytes, columns, heading, number, plural } from './layout.js';
import { print } from './output.js';

export function addInspect(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('inspect')
    .description('key domains, references and hazards of a database; reads the catalog only')
    .argument('<connection>', 'name of a connection: REKEY_CONNECTION_<NAME> holds its URL')
    .option('--json', 'for machines')
    .action(async (connection: string, options: { json?: boolean }) => {
      const { catalog, legacyColumns } = await readDatabase(connection);
      const inspection = inspectCatalog(catalog, legacyColumns);
      print(options.json ? inspection : inspectionText(inspection));
      done(inspection.hazards.some((h) => h.rank === 'stop') ? exitCodes.problems : exitCodes.fine);
    });
}

/** Counts first, then what is in the way, then every key. */
export function inspectionText(found: Inspection): string {
  const references = found.domains.reduce((n, d) => n + d.references.length, 0);
  const version = `${Math.floor(found.version / 10000)}.${found.version % 10000}`;
  const count = (n: number, one: string, many: string, then: string) =>
    n === 0 ? [] : [[number(n), n === 1 ? one : many, then]];
  const counts: string[][] = [
    [
      number(found.domains.length),
      found.domains.length === 1 ? 'integer key' : 'integer keys',
      'can become UUIDs',
    ],
    ...count(references, 'reference to them', 'references to them', 'move along'),
    ...count(found.follow.length, 'key made of references', 'keys made of references', 'move along'),
    ...count(found.composite.length, 'composite key', 'composite keys', 'one part moves, one stays'),
    ...count(found.natural.length, 'other key', 'other keys', 'left alone'),
    ...count(
      found.keyless.length,
      'table without a key',
      'tables without a key',
      'references in them move along',
    ),
    [
      number(found.hazards.length),
      found.hazards.length === 1 ? 'hazard' : 'hazards',
      found.hazards.length ? 'in the way, see below' : '',
    ],
  ];
  const parts = [
    `${found.database}, PostgreSQL ${version}: ${plural(found.tables, 'table')}, about ${number(found.estimatedRows)} rows, ${bytes(found.bytes)}`,
    columns(
      counts.filter((row) => row[0] !== '0' || row[1] === 'hazards' || row[1] === 'integer keys'),
      [0],
    ),
  ];
  if (found.hazards.length) parts.push(`${heading('Hazards')}\n${hazardsText(found.hazards)}`);
  const [referred, alone] = [true, false].map((is) =>
    found.domains.filter((d) => d.references.length > 0 === is),
  );
  if (referred?.length)
    parts.push(`${heading('Integer keys, and what refers to them')}\n${referredText(referred)}`);
  if (alone?.length)
    parts.push(
      `${heading('Integer keys that nothing refers to')}\n${columns(alone.map((d) => [nameOf(d), d.type, rowsOf(d)]))}`,
    );
  if (found.follow.length) parts.push(`${heading('Keys made of references')}\n${keysText(found.follow)}`);
  if (found.composite.length) {
    const rows = found.composite.map((key) => [keyText(key), `${key.stays.join(', ')} stays`]);
    parts.push(`${heading('Composite keys of which one part moves')}\n${columns(rows)}`);
  }
  if (found.natural.length) parts.push(`${heading('Keys that stay')}\n${keysText(found.natural)}`);
  if (found.keyless.length)
    parts.push(`${heading('Tables without a primary key')}\n${columns(found.keyless.map((t) => [t]))}`);
  return `${parts.join('\n\n')}\n`;
}

const nameOf = (domain: InspectedDomain) => formatColumn(domain);

function rowsOf({ estimatedRows }: InspectedDomain): string {
  if (estimatedRows < 0) return 'never analyzed';
  return estimatedRows === 0 ? 'empty' : `about ${plural(estimatedRows, 'row')}`;
}

const keyNote = { no: null, part: 'part of its key', whole: 'its key, too' };

function referredText(domains: InspectedDomain[]): string {
  return domains
    .map((domain) => {
      const head = `  ${nameOf(domain)}  ${domain.type}, ${rowsOf(domain)}, ${plural(domain.references.length, 'reference')}`;
      const lines = domain.references.map((r) => {
        const notes = [keyNote[r.isKey], r.type === domain.type ? null : r.type].filter(Boolean);
        return `      ${formatColumn(r)}${notes.length ? `  (${notes.join(', ')})` : ''}`;
      });
      return [head, ...lines].join('\n');
    })
    .join('\n\n');
}

const keysText = (keys: InspectedKey[]) => columns(keys.map((key) => [keyText(key)]));

const keyText = ({ table, columns: cols }: InspectedKey) =>
  `${table} (${cols.map((c) => `${c.column} ${c.type}`).join(', ')})`;
