import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A page of docs/incidents.md, as its fixed form says: what one sees, what it means, what to type, what then. */
export interface Page {
  title: string;
  /** each block of exact text; words in <...> stand for names and numbers */
  sees: string[];
  means: string;
  /** commands in the order of trying, one a line of the list */
  types: string[];
  /** what is typed if that does not help */
  orElse: string[];
  text: string;
}

const path = join(__dirname, '../../docs/incidents.md');

export function readPages(): Page[] {
  const text = readFileSync(path, 'utf8');
  return text
    .split(/^(?=## )/m)
    .filter((part) => part.includes('**You see**'))
    .map(pageOf);
}

/** One of them, by its heading. */
export function pageNamed(title: string): Page {
  const found = readPages().find((page) => page.title === title);
  if (!found) throw new Error(`docs/incidents.md has no page "${title}"`);
  return found;
}

function pageOf(text: string): Page {
  const part = (from: string, to: string | null) => {
    const begin = text.indexOf(from);
    if (begin < 0) throw new Error(`"${from}" is missing in: ${text.split('\n')[0]}`);
    const end = to === null ? -1 : text.indexOf(to, begin);
    return text.slice(begin, end < 0 ? undefined : end);
  };
  const rest = part('**If that does not help**', null);
  return {
    title: text.split('\n')[0]!.slice(3).trim(),
    sees: fences(part('**You see**', '**It means**'), 'text'),
    means: part('**It means**', '**Type**'),
    types: fences(part('**Type**', '**If that does not help**'), 'sh').flatMap(commands),
    orElse: fences(rest, 'sh').flatMap(commands),
    text,
  };
}

function fences(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, body]) => body!,
  );
}

/** A line is a command; one that is only a comment is none. */
function commands(block: string): string[] {
  return block
    .replace(/\\\n/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

/** The lines of a page that are not in the text, whatever the width at which either is broken. */
export function unseen(page: Page, text: string, block = 0): string[] {
  const shown = flat(text);
  return (page.sees[block] ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !asPattern(line).test(shown));
}

const flat = (text: string) => text.replace(/\s+/g, ' ').trim();

function asPattern(line: string): RegExp {
  const parts = flat(line).split(/<[^<>]+>|4711/);
  return new RegExp(parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+?'));
}
