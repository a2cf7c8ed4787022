import type { Command } from 'commander';
import { rekeySchemaVersionOf } from '../postgres/bootstrap.js';
import { type Finding, readFindings } from '../postgres/findings.js';
import { onDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { clock, heading, number, plural, wrap } from './layout.js';
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
      done(found.length > 0 ? exitCodes.problems : exitCodes.fine);
    });
}

function findingsOf(connection: string, phase: string | null): Promise<Seen[]> {
  return onDatabase(connection, async (session) => {
    if ((await rekeySchemaVersionOf(session)) === null) return [];
    return (await readFindings(session, phase === null ? {} : { phase })).reverse();
  });
}

/** Newest last, as it happened; findings of one check and object stand together. */
export function findingsText(findings: Seen[], now = new Date()): string {
  if (findings.length === 0) return 'Nothing was found.\n';
  const groups = new Map<string, Seen[]>();
  for (const finding of findings) {
    const key = `${finding.phase}, ${finding.step}`;
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  const parts = [...groups].map(
    ([where, list]) => `${heading(where)}\n${list.map((f) => oneText(f, now)).join('\n\n')}`,
  );
  return `${[plural(findings.length, 'finding'), ...parts].join('\n\n')}\n`;
}

function oneText(finding: Seen, now: Date): string {
  const count = finding.count === null ? '' : `: ${number(finding.count)}`;
  return [
    `  ${finding.object ?? 'the database'}${count}`,
    wrap('check', finding.check, 4, 10),
    wrap('seen', clock(finding.at, now), 4, 10),
    ...(finding.example === null ? [] : [wrap('example', JSON.stringify(finding.example), 4, 10)]),
  ].join('\n');
}
