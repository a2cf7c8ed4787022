import type { Command } from 'commander';
import { rekeySchemaVersionOf } from '../postgres/bootstrap.js';
import { type Finding, readFindings } from '../postgres/findings.js';
import { type FailureWords, readFailureWords } from '../postgres/journal-reader.js';
import { onDatabase } from './database.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { clock, columns, heading, number, plural, wrap } from './layout.js';
import { measureText } from './measure-text.js';
import { print } from './output.js';

/** Examples are rows of the application: they are shown here, and nowhere else. */
type Seen = Finding & { at: Date };

export function addFindings(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('findings')
    .description('what preflight and validation found, with examples of the rows, and why a step failed')
    .argument('<connection>', 'name of a connection')
    .option('--phase <phase>', 'of this phase only')
    .option('--json', 'for machines')
    .action(async (connection: string, options: { phase?: string; json?: boolean }) => {
      const { findings, failures } = await findingsOf(connection, options.phase ?? null);
      print(options.json ? { findings, failures } : findingsText(findings, failures));
      const problems = failures.length > 0 || findings.some((f) => !isNote(f));
      done(problems ? exitCodes.problems : exitCodes.fine);
    });
}

function findingsOf(
  connection: string,
  phase: string | null,
): Promise<{ findings: Seen[]; failures: FailureWords[] }> {
  return onDatabase(connection, async (session) => {
    if ((await rekeySchemaVersionOf(session)) === null) return { findings: [], failures: [] };
    const findings = (await readFindings(session, phase === null ? {} : { phase })).reverse();
    return { findings, failures: await readFailureWords(session, phase) };
  });
}

/** What cleanup says of bloat and unused indexes is advice, no problem. */
const isNote = (finding: Seen) => finding.step === 'analyzeTables';

/** By phase and step, as it happened; what one check says of many objects stands together. */
export function findingsText(all: Seen[], failures: FailureWords[] = [], now = new Date()): string {
  if (all.length === 0 && failures.length === 0)
    return 'No rows and no messages are on record. What stands still, and why, rekey status says.\n';
  const findings = newest(all);
  const groups = by(findings, (f) => `${f.phase}, ${f.step}${isNote(f) ? ': notes' : ''}`);
  const parts = groups.map(([where, list]) => {
    const checks = by(list, (f) => f.check).map(([check, seen]) => checkText(check, seen, now));
    return `${heading(where)}\n${checks.join('\n\n')}`;
  });
  const counts = [
    ...(findings.length > 0 ? [plural(findings.length, 'finding')] : []),
    ...(failures.length > 0 ? [plural(failures.length, 'failure')] : []),
  ];
  return `${[counts.join(', '), ...parts, ...failures.map((f) => failureText(f, now))].join('\n\n')}\n`;
}

/** A step that was tried again has found the same again: it is shown once, with its last figures. */
function newest(findings: Seen[]): Seen[] {
  const last = new Map<string, Seen>();
  for (const finding of findings) {
    const { phase, step, check, object, example } = finding;
    // a probe never takes the same time twice
    const what = measureText(example) === null ? example : 'figures';
    const key = JSON.stringify([phase, step, check, object, what]);
    last.delete(key);
    last.set(key, finding);
  }
  return [...last.values()];
}

/** In the words of PostgreSQL or of the hook: they are shown here, and in no workflow history. */
function failureText(
  { phase, step, hook, object, statement, sqlstate, said, at }: FailureWords,
  now: Date,
): string {
  const who = hook === null ? `PostgreSQL${sqlstate ? ` (SQLSTATE ${sqlstate})` : ''}` : `hook ${hook}`;
  return [
    heading(`${phase}, ${step}: failed at ${clock(at, now)}`),
    wrap(who, '', 2, 0),
    wrap('', said.trimEnd(), 4, 0),
    ...(hook === null && object ? [wrap('on', object)] : []),
    ...(statement ? ['  statement', wrap('', statement, 4, 0)] : []),
  ].join('\n');
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
    f.example === null ? '' : (measureText(f.example) ?? JSON.stringify(f.example)),
  ]);
  return `  ${check}, last seen ${clock(last.at, now)}\n${columns(rows, [1], 4)}`;
}
