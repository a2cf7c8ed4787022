import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  visit,
} from 'yaml';
import { formatPath, type PlanPath, type PlanProblem } from './problems.js';

/** Where things stand in the YAML text of a plan. */

type Found = { key: Node | null; value: Node | null };

function step(document: Document, node: Node | null, part: string | number): Found | null {
  const resolved = isAlias(node) ? (node.resolve(document) ?? null) : node;
  if (isSeq(resolved)) {
    const item = resolved.items[part as number];
    return item === undefined ? null : { key: null, value: item as Node };
  }
  if (!isMap(resolved)) return null;
  const pair = resolved.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
  return pair ? { key: pair.key as Node, value: pair.value as Node | null } : null;
}

/** Points at an unknown or bad word's key or value; at the nearest thing around it where it is missing itself. */
export function locator(
  document: Document<ParsedNode>,
  lines: LineCounter,
  fileName: string,
): (path: PlanPath, offset?: number) => string {
  return (path, offset) => {
    let node: Node | null = document.contents;
    let start = node?.range?.[0] ?? 0;
    for (const part of path) {
      const found = step(document, node, part);
      if (!found) break;
      node = found.value;
      start = found.key?.range?.[0] ?? found.value?.range?.[0] ?? start;
    }
    const { line, col } = lines.linePos(offset ?? start);
    return `${fileName}:${line}:${col} ${formatPath(path, (index) => phaseName(document, index))}`;
  };
}

function phaseName(document: Document, index: number): string | undefined {
  const name = document.getIn(['phases', index, 'phase']);
  return typeof name === 'string' ? name : undefined;
}

/** `word:` with nothing after it is null in YAML, and always a thing forgotten in a plan. */
export function emptyValues(document: Document): PlanProblem[] {
  const problems: PlanProblem[] = [];
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || node.value !== null || node.source !== '') return;
      problems.push({
        code: 'plan.empty',
        path: pathOf(ancestors, node),
        message: 'has no value',
        remedy: 'Write a value, or take the word out to have its default.',
      });
    },
  });
  return problems;
}

/** Words that stand twice in one mapping: where they do so the second time, and their path. */
export function duplicateWords(document: Document): { offset: number; path: PlanPath }[] {
  const found: { offset: number; path: PlanPath }[] = [];
  visit(document, {
    Map(_, map, ancestors) {
      const seen = new Set<string>();
      for (const pair of map.items) {
        const name = String(isScalar(pair.key) ? pair.key.value : pair.key);
        const offset = (pair.key as Node | null)?.range?.[0] ?? 0;
        if (seen.has(name)) found.push({ offset, path: [...pathOf(ancestors, map), name] });
        seen.add(name);
      }
    },
  });
  return found;
}

function pathOf(ancestors: readonly (Document | Node | Pair)[], node: Node): PlanPath {
  const chain = [...ancestors, node];
  const path: (string | number)[] = [];
  chain.forEach((one, i) => {
    const next = chain[i + 1];
    if (isSeq(one) && next) path.push(one.items.indexOf(next as Node));
    if (isMap(one) && next) {
      const pair = next as Pair;
      path.push(String(isScalar(pair.key) ? pair.key.value : pair.key));
    }
  });
  return path;
}
