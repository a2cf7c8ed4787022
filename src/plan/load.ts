import { type Document, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import { RekeyError } from '../errors.js';
import { checkPlan } from './check.js';
import { fillIn } from './defaults.js';
import { duplicateWords, emptyValues, locator } from './document.js';
import type { Plan } from './model.js';
import { type Locate, PlanErrors, type PlanPath, type PlanProblem, planErrors } from './problems.js';
import { planWords } from './schema.js';
import { schemaProblems, valueAt } from './schema-problems.js';

export interface LoadedPlan {
  plan: Plan;
  /** finds the words of the file again, for errors that a catalog brings to light */
  locate: Locate;
}

/** The plan that a YAML text says, defaults filled in. Throws PlanErrors (BadInput) with all that is wrong with it. */
export function loadPlanText(text: string, fileName: string): Plan {
  return readPlanText(text, fileName).plan;
}

/** As loadPlanText, with the places of its words. Pure: no file is read. */
export function readPlanText(text: string, fileName: string): LoadedPlan {
  const lines = new LineCounter();
  // Duplicates are looked for here and not by the parser, so that they are told of along with all else.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const locate = locator(document, lines, fileName);
  refuseBadYaml(document, lines, fileName);

  const data: unknown = document.toJS();
  const problems = [...duplicates(document), ...emptyValues(document)];
  const result = planWords.safeParse(data);
  if (!result.success) {
    const known = new Set(problems.map((p) => JSON.stringify(p.path)));
    problems.push(...schemaProblems(result.error, data).filter((p) => !known.has(JSON.stringify(p.path))));
  }
  if (result.success && problems.length === 0) {
    const plan = fillIn(result.data);
    const wrong = checkPlan(plan);
    if (wrong.length === 0) return { plan, locate };
    throw new PlanErrors(located(wrong, (p) => locate(p.path)).sort(asInTheFile));
  }
  // Located before looking further, which takes the bad words out of the document.
  const here = located(problems, (p) => locate(p.path, p.offset));
  const beyond = located(problemsBeyond(document, problems), (p) => locate(p.path));
  throw new PlanErrors([...here, ...beyond].sort(asInTheFile));
}

/** By line and column, which stand in front of the path. */
function asInTheFile(a: RekeyError, b: RekeyError): number {
  const [x, y] = [a, b].map(
    (e) =>
      /:(\d+):(\d+)( |$)/
        .exec(e.where ?? '')
        ?.slice(1)
        .map(Number) ?? [0, 0],
  );
  return x![0]! - y![0]! || x![1]! - y![1]!;
}

type Placed = PlanProblem & { offset?: number };

function located(problems: readonly Placed[], where: (problem: Placed) => string): RekeyError[] {
  return problems.map((p) => planErrors([p], () => where(p)).errors[0]!);
}

function duplicates(document: Document): Placed[] {
  return duplicateWords(document).map(({ offset, path }) => ({
    code: 'plan.duplicate',
    path,
    offset,
    message: 'stands here twice',
    remedy: 'Take one of the two out.',
  }));
}

function refuseBadYaml(document: Document.Parsed, lines: LineCounter, fileName: string): void {
  const found = [...document.errors, ...document.warnings];
  if (found.length === 0 && document.contents !== null) return;
  const errors = found.map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { message: `this is not YAML: ${error.message}`, where: `${fileName}:${line}:${col}` };
  });
  if (errors.length === 0) errors.push({ message: 'the file is empty', where: `${fileName}:1:1` });
  const remedy = 'Correct the YAML; docs/plan-reference.md has an example.';
  throw new PlanErrors(
    errors.map((e) => new RekeyError('BadInput', { code: 'plan.bad-yaml', remedy, ...e })),
  );
}

/**
 * What else is wrong, so that a file with a bad word and a table in two phases is told of both: the bad words are taken
 * out, and what is left is checked. Nothing is reported that may only be so because something was taken out.
 */
function problemsBeyond(document: Document<ParsedNode>, found: readonly PlanProblem[]): PlanProblem[] {
  let problems = found;
  for (let round = 0; round < 10 && problems.length > 0; round++) {
    const data: unknown = document.toJS();
    for (const problem of [...problems].sort(lastFirst)) {
      if (!takeOut(document, data, problem.path)) return [];
    }
    const rest: unknown = document.toJS();
    const result = planWords.safeParse(rest);
    if (result.success) {
      return checkPlan(fillIn(result.data)).filter((p) => !mayDepend(p, found));
    }
    problems = schemaProblems(result.error, rest);
  }
  return [];
}

/** Whether a problem may only be there because another one's words were taken out. */
function mayDepend(problem: PlanProblem, found: readonly PlanProblem[]): boolean {
  if (problem.code.startsWith('plan.no-')) return true;
  if (problem.code === 'plan.unknown-phase' || problem.code === 'plan.unknown-table') return true;
  const around = JSON.stringify(problem.path.slice(0, -1)).slice(0, -1);
  return (
    problem.code === 'plan.too-many-approvals' && found.some((p) => JSON.stringify(p.path).startsWith(around))
  );
}

/** Later items of a list go first, so that the paths of earlier ones stay right. */
function lastFirst(a: PlanProblem, b: PlanProblem): number {
  for (let i = 0; i < Math.min(a.path.length, b.path.length); i++) {
    const [x, y] = [a.path[i]!, b.path[i]!];
    if (typeof x === 'number' && typeof y === 'number' && x !== y) return y - x;
  }
  return b.path.length - a.path.length;
}

function takeOut(document: Document, data: unknown, path: PlanPath): boolean {
  const there = valueAt(data, path) === undefined ? path.slice(0, -1) : path;
  if (there.length === 0) return false;
  try {
    document.deleteIn(there);
    return true;
  } catch {
    return false;
  }
}
