import type { Action, Gate, Parking } from './model.js';

/**
 * The commands that an operator types next. `by` is filled in by the reader's own shell, or is the first name of the
 * checkpoint's `from` that has not approved yet: the text works as it is pasted. Pure.
 */
export interface Address {
  workflowId: string;
  namespace: string;
}

/** A word of a command: text that is quoted, or something for the shell to fill in. */
type Piece = { text: string } | { raw: string };
type Word = Piece[];
export type Command = Word[];

const whoAmI = '"$(id -un)"';

export function approveCommands(at: Address, gate: Gate): Command[] {
  const missing = gate.from.find(
    (name) => !gate.approvals.some((one) => one.by.trim().toLowerCase() === name.trim().toLowerCase()),
  );
  const who = missing ?? null;
  const named = { checkpoint: gate.checkpoint, opening: gate.opening, plan: gate.planHash };
  const ticked = gate.checklist.length > 0 ? { checklist: gate.checklist } : {};
  const approve = signal(at, 'approve', { ...named }, who, ticked);
  const reject = signal(at, 'reject', { ...named, reason: 'why' }, who, {});
  const update = decideCommand(at, { decision: 'approve', ...named }, who, ticked);
  return gate.canReject ? [approve, update, reject] : [approve, update];
}

export function resolveCommands(at: Address, parking: Parking): Command[] {
  const order: Action[] = ['retry', 'skip', 'rollback'];
  return order
    .filter((action) => parking.actions.includes(action))
    .map((action) =>
      signal(
        at,
        'resolve',
        { step: parking.step, opening: parking.opening, plan: parking.planHash, action },
        null,
        {},
      ),
    );
}

export function holdCommand(at: Address, name: 'pause' | 'resume'): Command {
  return signal(at, name, {}, null, {});
}

export function cancelCommand(at: Address): Command {
  return [...words('temporal', 'workflow', 'cancel'), ...address(at)];
}

/** Starts a workflow, or starts it again once it has ended: the journal knows what is finished already. */
export function startCommand(at: Address, taskQueue: string, type: string, input: object): Command {
  const text = JSON.stringify(input).replaceAll("'", '\\u0027').replaceAll('`', '\\u0060');
  return [
    ...words('temporal', 'workflow', 'start', '--task-queue', taskQueue, '--type', type),
    ...address(at),
    ...words('--fail-existing', '--input', text),
  ];
}

function signal(at: Address, name: string, before: object, who: string | null, after: object): Command {
  return [
    ...words('temporal', 'workflow', 'signal'),
    ...address(at),
    ...words('--name', name, '--input'),
    json(before, who, after),
  ];
}

function decideCommand(at: Address, before: object, who: string | null, after: object): Command {
  return [
    ...words('temporal', 'workflow', 'update', 'execute'),
    ...address(at),
    ...words('--name', 'decide', '--command-timeout', '30s', '--input'),
    json(before, who, after),
  ];
}

function address(at: Address): Word[] {
  const namespace = at.namespace === 'default' ? [] : words('--namespace', at.namespace);
  return [...namespace, ...words('--workflow-id', at.workflowId)];
}

function words(...texts: string[]): Word[] {
  return texts.map((text) => [{ text }]);
}

/** One JSON object; quotes in it are written as escapes, so that neither the shell's quotes nor a fence end early. */
function json(before: object, who: string | null, after: object): Word {
  const inner = (value: object) =>
    JSON.stringify(value).slice(1, -1).replaceAll("'", '\\u0027').replaceAll('`', '\\u0060');
  const head = inner(before);
  const tail = inner(after);
  const start = `{${head}${head === '' ? '' : ','}"by":"`;
  const end = `"${tail === '' ? '' : ','}${tail}}`;
  if (who !== null)
    return [{ text: `${start}${JSON.stringify(who).slice(1, -1).replaceAll("'", '\\u0027')}${end}` }];
  return [{ text: start }, { raw: whoAmI }, { text: end }];
}

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/;

function quote(text: string): string {
  return plain.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command on one line. */
export function onOneLine(command: Command): string {
  return command
    .map((word) => word.map((piece) => ('raw' in piece ? piece.raw : quote(piece.text))).join(''))
    .join(' ');
}

/**
 * The command in lines of at most `width` characters, broken by backslashes, between words and inside quotes, so that
 * the pasted text is the same command. No line begins with a blank: inside a word that would split it.
 */
export function inLines(command: Command, width = 55): string {
  const lines: string[] = [];
  let line = '';
  for (const word of command) {
    const whole = onOneLine([word]);
    const joined = line === '' ? whole : `${line} ${whole}`;
    // two characters stay free for the blank and the backslash
    if (joined.length <= width - 2) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(`${line} \\`);
    const broken = breakWord(word, width - 2);
    lines.push(...broken.slice(0, -1).map((part) => `${part}\\`));
    line = broken.at(-1) ?? '';
  }
  lines.push(line);
  return lines.join('\n');
}

function breakWord(word: Word, width: number): string[] {
  const parts: string[] = [];
  let part = '';
  for (const piece of word) {
    const chunks = 'raw' in piece ? [piece.raw] : chunksOf(piece.text, width);
    for (const chunk of chunks) {
      if (part !== '' && part.length + chunk.length > width) {
        parts.push(part);
        part = '';
      }
      part += chunk;
    }
  }
  parts.push(part);
  return parts;
}

/** Quoted chunks that are no longer than `width`, broken after commas where there are some. */
function chunksOf(text: string, width: number): string[] {
  const chunks: string[] = [];
  let rest = [...text];
  while (rest.length > 0) {
    let take = Math.min(rest.length, width);
    while (quote(rest.slice(0, take).join('')).length > width) take -= 1;
    if (take < rest.length) {
      const comma = rest.slice(0, take).lastIndexOf(',');
      if (comma > take / 2) take = comma + 1;
    }
    chunks.push(quote(rest.slice(0, take).join('')));
    rest = rest.slice(take);
  }
  return chunks;
}
