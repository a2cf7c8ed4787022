import type { Command } from 'commander';
import { rekeySchemaVersionOf } from '../postgres/bootstrap.js';
import { type Finding, readFindings } from '../postgres/findings.js';
import { onDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { clock, columns, heading, number, plural } from './layout.js';
import { print } from './output.js';

/** Examples are rows of the application: they are shown here, and nowhere else. */
type Seen = Finding & { at: Date };

export function addFindings(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('findings')
    .description('what preflight and validation found, with examples of the rows')
    .argument('<connection>', 'name of a connection')
    .option('--phase <phase>', 'of this phase only')
    .option('--json', 'for machines')
    .action(async (connection: string, options: { phase?: string; json?: boolean }) => {
      const found = await findingsOf(connection, options.phase ?? null);
      print(options.json ? { findings: found } : findingsText(found));
      done(found.some((f) => !isNote(f)) ? exitCodes.problems : exitCodes.fine);
    });
}

function findingsOf(connection: string, phase: string | null): Promise<Seen[]> {
  return onDatabase(connection, async (session) => {
    if ((await rekeySchemaVersionOf(session)) === null) return [];
    return (await readFindings(session, phase === null ? {} : { phase })).reverse();
  });
}

/** What cleanup says of bloat and unused indexes is advice, no problem. */
const isNote = (finding: Seen) => finding.step === 'analyzeTables';

/** By phase and step, as it happened; what one check says of many objects stands together. */
export function findingsText(findings: Seen[], now = new Date()): string {
  if (findings.length === 0) return 'Nothing was found.\n';
  const groups = by(findings, (f) => `${f.phase}, ${f.step}${isNote(f) ? ': notes' : ''}`);
  const parts = groups.map(([where, list]) => {
    const checks = by(list, (f) => f.check).map(([check, seen]) => checkText(check, seen, now));
    return `${heading(where)}\n${checks.join('\n\n')}`;
  });
  return `${[plural(findings.length, 'finding'), ...parts].join('\n\n')}\n`;
}

function by(findings: Seen[], key: (finding: Seen) => string): [string, Seen[]][] {
  const groups = new Map<string, Seen[]>();
  for (const finding of findings) groups.set(key(finding), [...(groups.get(key(finding)) ?? []), finding]);
  return [...groups];
}

function checkText(check: string, findings: Seen[], now: Date): string {
  const last = findings.at(-1) as Seen;
  const rows = findings.map((f) => [
    f.object ?? 'the database',
    f.count === null || f.count === 0 ? '' : number(f.count),
    f.example === null ? '' : JSON.stringify(f.example),
  ]);
  return `  ${check}, last seen ${clock(last.at, now)}\n${columns(rows, [1], 4)}`;
}
