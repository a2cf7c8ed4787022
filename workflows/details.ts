import { type Command, inLines, onOneLine } from '../src/decisions/commands.js';
import type { Status } from '../src/decisions/status.js';
import { whatItDoes } from '../src/decisions/what-it-does.js';

const limit = 4000;

/**
 * The current details of the Web UI: lists and fenced commands in short lines, never a table, at most 4,000
 * characters. What does not fit is left out whole, least needed first; a command is never cut.
 */
export function detailsOf(status: Status, commands: Command[]): string {
  const sections = [headline(status), window(status), failure(status), checkpoint(status)];
  const begin = status.failure === null ? 'Type next, to' : 'Once that is mended, type this to';
  const typed = commands.map((command, at) => told(command, at === 0 ? begin : 'Or, to'));
  const rest = [progress(status), notes(status), wayBack(status)];
  const first = typed.slice(0, 1);
  // by need: what is going on, the first command, then everything else as long as there is room
  const byNeed = [...sections, ...first, ...typed.slice(1), ...rest].filter((text) => text !== '');
  let used = 0;
  const kept = byNeed.filter((text) => {
    if (used + text.length + 2 > limit) return false;
    used += text.length + 2;
    return true;
  });
  return kept.join('\n\n');
}

/** A command under what it does; `update` does what the signal above it does. */
export function told(command: Command, begin: string): string {
  const line = onOneLine(command);
  const does = / update execute /.test(line)
    ? 'do the same and be answered at once (needs a worker)'
    : whatItDoes(line);
  return `${begin} ${does}:\n\n\`\`\`\n${inLines(command)}\n\`\`\``;
}

/** To the second, in the form that people read; the status has it with all its digits. */
function at(iso: string): string {
  return iso.replace(/^(.{10})T(.{8}).*Z$/, '$1 $2 UTC');
}

function headline(status: Status): string {
  const step = status.step === null ? '' : ` at \`${status.step}\``;
  const risk = status.risk === null ? '' : ` (risk: ${status.risk})`;
  return `**${status.phase}**${risk}: **${status.state}**${step}, as of ${at(status.asOf)}`;
}

function window({ window: waits }: Status): string {
  return waits === null
    ? ''
    : `- the window opens at ${waits.opensAt ? at(waits.opensAt) : '(never)'} and closes at ${waits.closesAt ? at(waits.closesAt) : '(never)'}`;
}

function failure({ failure: failed }: Status): string {
  if (failed === null) return '';
  return `- \`${failed.step}\`: ${clip(failed.message, 500)} (${failed.code})\n- What to do: ${clip(failed.remedy, 400)}`;
}

function checkpoint({ checkpoint: open }: Status): string {
  if (open === null) return '';
  const lines = [`- checkpoint \`${open.name}\`, opening ${open.opening}`];
  const who = open.approvals.map(({ by }) => by).join(', ') || 'nobody yet';
  lines.push(`- approved by ${clip(who, 200)} (${open.approvals.length} of ${open.needed})`);
  if (open.from.length > 0) lines.push(`- \`by\` is one of ${clip(open.from.join(', '), 300)}`);
  if (open.until !== null) lines.push(`- until ${at(open.until)}`);
  if (open.validation !== null) {
    lines.push(`- validation ${open.validation.passed ? 'passed' : 'FAILED'} at ${at(open.validation.at)}`);
  }
  if (open.checklist.length > 0)
    // a list within a list is drawn as one line
    lines.push(...open.checklist.slice(0, 12).map((item) => `- tick off: ${clip(item, 80)}`));
  return lines.join('\n');
}

function progress({ progress: tables }: Status): string {
  const open = tables.filter((table) => table.rowsDone < table.rowsTotal);
  return (open.length > 0 ? open : tables)
    .slice(0, 8)
    .map((table) => {
      const left = table.secondsLeft === null ? '' : `, ${Math.ceil(table.secondsLeft)} s left`;
      return `- ${table.table}: ${table.rowsDone} of ${table.rowsTotal} rows, ${Math.round(table.rowsPerSecond)} a second${left}`;
    })
    .join('\n');
}

function notes(status: Status): string {
  return status.notes
    .slice(-4)
    .map((note) => `- ${clip(note, 250)}`)
    .join('\n');
}

function wayBack({ wayBack: way }: Status): string {
  return `- the way back is ${way.open ? 'open' : 'closed'}: ${clip(way.because, 300)}`;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
