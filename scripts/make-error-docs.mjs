// Writes docs/errors.md from the sources: every code that a RekeyError, a failed workflow or a hazard can carry, with
// its cause (the message) and its remedy, as they stand in the code. `node scripts/make-error-docs.mjs` writes the file,
// `--print` prints it; test/house/error-docs.test.ts compares the two.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from '@swc/core';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = ['src', 'activities', 'workflows'].flatMap(filesBelow).sort();
/** Calls of one function whose arguments are worth a line each; beyond, placeholders stand for them. */
const most = 12;
const codeForm = /^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)?$/;

function filesBelow(directory) {
  return readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => relative(root, join(root, directory, file)));
}

/** Calls `visit` for every node, with the nodes that it stands in. */
function walk(node, visit, parents = []) {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit, parents);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  if (typeof node.type === 'string') visit(node, parents);
  for (const [key, child] of Object.entries(node))
    if (key !== 'span') walk(child, visit, typeof node.type === 'string' ? [...parents, node] : parents);
}

const bare = (node) =>
  /^(Parenthesis|TsNonNull|TsAs|TsConstAssertion|TsSatisfies)/.test(node?.type ?? '')
    ? bare(node.expression)
    : node;

function paramsOf(fn) {
  return (fn.params ?? []).map((param) => {
    const pattern = param.pat ?? param;
    return pattern.type === 'Identifier'
      ? pattern.value
      : pattern.type === 'AssignmentPattern'
        ? pattern.left.value
        : null;
  });
}

/** What a file declares: texts by name, functions by name with their parameters, and all calls. */
function readFile(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const module = parseSync(text, { syntax: 'typescript', target: 'es2022' });
  const found = { file, text, constants: new Map(), functions: [], calls: [], objects: [] };
  walk(module.body, (node, parents) => {
    if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && node.init) {
      const init = bare(node.init);
      if (init.type === 'ArrowFunctionExpression') found.functions.push({ name: node.id.value, node: init });
      else
        found.constants.set(node.id.value, [
          ...(found.constants.get(node.id.value) ?? []),
          { init, at: node.id.span.start },
        ]);
    }
    if (node.type === 'FunctionDeclaration') found.functions.push({ name: node.identifier.value, node });
    if (node.type === 'ClassMethod') found.functions.push({ name: node.key.value, node: node.function });
    if (node.type === 'CallExpression') {
      const callee = bare(node.callee);
      const name = callee.type === 'MemberExpression' ? callee.property.value : callee.value;
      if (name) found.calls.push({ name, args: node.arguments.map((one) => one.expression), parents });
    }
    if (node.type === 'ObjectExpression') found.objects.push({ node, parents });
  });
  return found;
}

const files = sources.map(readFile);

/** The declaration before the use: a name stands for different texts in different functions. */
function constantAt(constants, { value, span }) {
  const all = constants.get(value) ?? [];
  return (all.filter(({ at }) => at < span.start).at(-1) ?? all[0])?.init;
}

/** The texts that an expression can give; what only a run knows stands as `<name>`. Null for what is no text. */
function texts(expression, env) {
  const node = bare(expression);
  if (node === undefined || node === null) return [''];
  switch (node.type) {
    case 'StringLiteral':
      return [node.value];
    case 'TemplateLiteral':
      return node.quasis.reduce(
        (all, quasi, i) => {
          const inner = i < node.expressions.length ? texts(node.expressions[i], env) : [''];
          const shown = inner.length > 4 ? [placeholder(node.expressions[i])] : inner;
          return all.flatMap((before) => shown.map((one) => `${before}${quasi.cooked ?? quasi.raw}${one}`));
        },
        [''],
      );
    case 'BinaryExpression':
      if (node.operator !== '+') return [placeholder(node)];
      return texts(node.left, env).flatMap((a) => texts(node.right, env).map((b) => a + b));
    case 'ConditionalExpression': {
      const chosen = env.choices?.get(textOfTest(node));
      if (chosen !== undefined) return texts(chosen ? node.consequent : node.alternate, env);
      return [...texts(node.consequent, env), ...texts(node.alternate, env)];
    }
    case 'ArrowFunctionExpression':
      return node.body.type === 'BlockStatement' ? [placeholder(node)] : texts(node.body, env);
    case 'Identifier': {
      if (env.args.has(node.value)) {
        const { expression: given, env: outer } = env.args.get(node.value);
        return texts(given, outer);
      }
      const known = constantAt(env.constants, node);
      return known && env.depth < 5 && isText(known)
        ? texts(known, { ...env, depth: env.depth + 1 })
        : [placeholder(node)];
    }
    case 'CallExpression': {
      const callee = bare(node.callee);
      // message(names), where `message` is a parameter that is given a function
      if (callee.type === 'Identifier' && env.args.has(callee.value)) return texts(callee, env);
      // `...`.slice(0, 1000)
      if (callee.type === 'MemberExpression' && bare(callee.object).type === 'TemplateLiteral')
        return texts(callee.object, env);
      return [placeholder(node)];
    }
    case 'MemberExpression': {
      // remedies['plan.missing']
      const table = node.object.type === 'Identifier' && constantAt(env.constants, node.object);
      const name = node.property.type === 'Computed' && bare(node.property.expression).value;
      const found = table?.type === 'ObjectExpression' && name ? property(table, name) : null;
      return found ? texts(found, env) : [placeholder(node)];
    }
    default:
      return [placeholder(node)];
  }
}

/** The same for the same condition, wherever it stands. */
const textOfTest = (node) =>
  JSON.stringify(node.test, (key, value) => (key === 'span' || key === 'ctxt' ? undefined : value));

/** Code, rank, message and remedy of one object hang on the same conditions: one environment for each way they can go. */
function branches(env, expressions) {
  const tests = new Set();
  walk(
    expressions.filter(Boolean),
    (node) => node.type === 'ConditionalExpression' && tests.add(textOfTest(node)),
  );
  if (tests.size === 0 || tests.size > 3) return [env];
  let all = [new Map()];
  for (const test of tests)
    all = all.flatMap((one) => [true, false].map((way) => new Map([...one, [test, way]])));
  return all.map((choices) => ({ ...env, choices }));
}

const isText = (node) =>
  ['StringLiteral', 'TemplateLiteral', 'ConditionalExpression', 'BinaryExpression'].includes(bare(node).type);

/** A word for what stands there: the last name of the expression. */
function placeholder(expression) {
  const node = bare(expression);
  if (node.type === 'Identifier') return `<${words(node.value)}>`;
  if (node.type === 'MemberExpression') {
    if (node.property.type === 'Identifier' && node.property.value !== 'length')
      return `<${words(node.property.value)}>`;
    return placeholder(node.object);
  }
  if (node.type === 'CallExpression' || node.type === 'OptionalChainingExpression') {
    const callee = bare(node.callee ?? node.base?.callee ?? node.base);
    const text =
      /^(String|at|map|join|slice|toFixed|toLocaleString|round|count|shown|size|seconds|number|list|some|quoteIdent|quoteLiteral|formatColumn|asInPlan|sqlTable|toISOString|replaceAll|replace|mb)$/;
    const name = callee.type === 'MemberExpression' ? callee.property.value : callee.value;
    if (callee.type === 'MemberExpression' && text.test(name) && callee.object.value !== 'Math')
      return placeholder(callee.object);
    if (node.arguments?.[0] && text.test(name ?? '')) return placeholder(node.arguments[0].expression);
    return name && !text.test(name) ? `<${words(name)}>` : '<...>';
  }
  if (node.type === 'BinaryExpression') return placeholder(node.left);
  return '<...>';
}

const words = (name) => name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();

function property(node, name) {
  for (const one of node.properties) {
    if (one.type === 'KeyValueProperty' && (one.key.value ?? '') === name) return one.value;
    if (one.type === 'Identifier' && one.value === name) return one;
  }
  return null;
}

/** Every way in which the function around `parents` is called, as what its parameters then are. */
function callsOf(file, parents, depth = 0) {
  const empty = { args: new Map(), constants: file.constants, depth: 0 };
  const around = [...parents]
    .reverse()
    .map((p) => file.functions.find((f) => f.node === p))
    .find((f) => f && paramsOf(f.node).some(Boolean));
  if (!around || depth > 2) return [empty];
  const found = callers(file, around.name).flatMap((other) =>
    other.calls
      .filter((call) => call.name === around.name && !call.parents.includes(around.node))
      .flatMap((call) =>
        callsOf(other, call.parents, depth + 1).map((outer) => ({
          args: new Map(
            paramsOf(around.node).flatMap((name, i) =>
              name === null || call.args[i] === undefined
                ? []
                : [[name, { expression: call.args[i], env: outer }]],
            ),
          ),
          constants: file.constants,
          depth: 0,
        })),
      ),
  );
  return found.length > 0 ? found : [empty];
}

/** Other files that import the function, besides its own. */
function callers(file, name) {
  const base = file.file.slice(file.file.lastIndexOf('/') + 1).replace(/\.ts$/, '.js');
  const imports = new RegExp(`import [^;]*\\b${name}\\b[^;]*/${base}'`);
  return [file, ...files.filter((other) => other !== file && imports.test(other.text))];
}

/** The type of the error that an object is the details of: of the RekeyError around it, or beside it in the object. */
function typesOf(object, parents, env) {
  const own = property(object, 'type') ?? property(object, 'rank');
  if (own) return texts(own, env);
  const around = [...parents]
    .reverse()
    .find((p) => p.type === 'NewExpression' || p.type === 'CallExpression');
  if (around?.type === 'NewExpression' && around.callee.value === 'RekeyError')
    return texts(around.arguments[0].expression, env);
  if (around?.type === 'CallExpression' && /^badInput$/.test(around.callee.value ?? '')) return ['BadInput'];
  if (around?.type === 'CallExpression' && around.callee.value === 'ending')
    return texts(around.arguments[0].expression, env);
  // details: [{ code, remedy }] beside type and message
  const outer = [...parents].reverse().find((p) => p.type === 'ObjectExpression' && property(p, 'type'));
  return outer ? texts(property(outer, 'type'), env) : ['BadInput'];
}

function messageOf(object, parents) {
  const own = property(object, 'message');
  if (own) return own;
  const outer = [...parents].reverse().find((p) => p.type === 'ObjectExpression' && property(p, 'message'));
  if (outer) return property(outer, 'message');
  // { code, remedy, ...problem }: the parser's words about a place in a file
  return object.properties.some((one) => one.type === 'SpreadElement')
    ? { type: 'StringLiteral', value: 'what is wrong, with file, line and column' }
    : null;
}

/** All entries of one kind: `key` is the property that holds the name. */
function collect(key) {
  const entries = new Map();
  for (const file of files) {
    for (const { node, parents } of file.objects) {
      const code = property(node, key);
      const remedy = property(node, 'remedy');
      const message = messageOf(node, parents);
      if (!code || !remedy || !message) continue;
      const ways = [code, remedy, property(node, 'rank') ?? property(node, 'type')];
      const calls = callsOf(file, parents);
      const everywhere = bare(code).type === 'StringLiteral' && calls.length > most;
      const envs = everywhere ? [{ args: new Map(), constants: file.constants, depth: 0 }] : calls;
      for (const env of envs.flatMap((one) => branches(one, ways))) {
        for (const name of texts(code, env)) {
          if (!codeForm.test(name) || typesOf(node, parents, env).includes('Cancelled')) continue;
          const entry = entries.get(name) ?? { types: new Set(), causes: new Map() };
          entries.set(name, entry);
          for (const type of typesOf(node, parents, env)) if (/^[A-Za-z]+$/.test(type)) entry.types.add(type);
          const remedies = texts(remedy, env);
          texts(message, env).forEach((cause, i) => {
            const shown =
              remedies.length === 1 ? remedies : i < remedies.length ? [remedies[i]] : remedies.slice(-1);
            entry.causes.set(cause, [...new Set([...(entry.causes.get(cause) ?? []), ...shown])]);
          });
        }
      }
    }
  }
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Values of words that a plan's schema refuses: `refuse(message, code)`, with the remedy from a table. */
function addPlanValues(entries) {
  const table = files.find((f) => f.file === 'src/plan/schema-problems.ts');
  const remedies = table.constants.get('remedies')[0].init;
  const fallback = texts(table.constants.get('fallback')[0].init, {
    args: new Map(),
    constants: table.constants,
    depth: 0,
  });
  const add = (code, cause, remedy) => {
    const entry = entries.get(code) ?? { types: new Set(), causes: new Map() };
    entry.types.add('BadInput');
    entry.causes.set(cause, remedy);
    entries.set(code, entry);
  };
  for (const file of files.filter((f) => f.file.startsWith('src/plan/'))) {
    const env = { args: new Map(), constants: file.constants, depth: 0 };
    for (const { name, args } of file.calls.filter((c) => c.name === 'refuse' && c.args.length > 0)) {
      const second = args[1] && bare(args[1]).type === 'StringLiteral' ? args[1].value : null;
      // refuse(message, code?) of a value, refuse(path, message) of a mapping
      const code = second?.startsWith('plan.') ? second : 'plan.bad-value';
      const remedy = property(remedies, code);
      for (const cause of texts(second !== null && second !== code ? args[1] : args[0], env))
        if (name) add(code, cause, remedy ? texts(remedy, env) : fallback);
    }
  }
  add('plan.wrong-type', 'a text, number, list or mapping stands where another is expected', fallback);
}

/** A placeholder must not be read as HTML, inside `code` it is shown as it is. */
const cell = (text) =>
  text
    .replace(/\s+/g, ' ')
    .trim()
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replace(/`[^`]*`/g, (code) => code.replaceAll('&lt;', '<'));
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function table(entries, head) {
  const lines = [`| ${head} | what happened | what to do |`, '| --- | --- | --- |'];
  for (const [name, { types, causes }] of entries) {
    const groups = new Map();
    for (const [cause, remedies] of causes) {
      const remedy = remedies.map(cell).filter(Boolean).map(sentence).join('<br>');
      groups.set(remedy, [...(groups.get(remedy) ?? []), cell(cause)]);
    }
    let first = `\`${name}\` (${[...types].sort().join(', ')})`;
    for (const [remedy, said] of groups) {
      lines.push(
        `| ${first} | ${said.filter((one, i) => said.indexOf(one) === i).join(';<br>')} | ${remedy} |`,
      );
      first = '';
    }
  }
  return lines.join('\n');
}

export function errorDocs() {
  const codes = collect('code');
  addPlanValues(codes);
  // 'not-carried-over-yet' and the like are hazards, of which one step may speak as an error
  const hazards = collect('hazard');
  const areas = new Map();
  for (const [name, entry] of [...codes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (hazards.has(name)) continue;
    const area = name.includes('.') ? name.slice(0, name.indexOf('.')) : 'others';
    areas.set(area, [...(areas.get(area) ?? []), [name, entry]]);
  }
  return `${intro}

## Hazards

What preflight finds before anything is changed, by the name that the plan's \`accept\` uses. \`stop\` can't be accepted;
\`accept\` needs an entry of \`accept\` with a \`because\`; \`note\` is only said.

${table(hazards, 'hazard (rank)')}

## Errors

${[...areas].map(([area, entries]) => `### ${area}\n\n${table(entries, 'code (type)')}`).join('\n\n')}
`;
}

const intro = `# Errors and hazards

Made from the sources by \`node scripts/make-error-docs.mjs\`; a test compares the two. Words in \`<...>\` stand for names and
numbers. \`status\`, the memo and the Web UI show the code, the message and the remedy of what has failed; \`rekey\` prints
them on stderr.

| type | what follows |
| --- | --- |
| \`BadInput\` | the operator asked for something that can't be: the workflow ends FAILED at once, unless something has to be undone first; \`rekey\` ends with exit code 2 |
| \`Hazard\` | the plan would break something in the database: \`preflight\` parks before anything is changed |
| \`StepFailed\` | the step parks, and waits for \`resolve\` |
| \`Transient\` | tried again; parks when it does not pass |
| \`ValidationFailed\` | the data are not as they must be: rolls back, asks or parks, as the plan says |
| \`SchemaMoved\` | what was found under the locks is not what preflight saw: parks |
| \`NotOwner\` | another run owns the database: this one ends and undoes nothing |`.replaceAll(
  '`<...>`',
  '`<`...`>`',
);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--print')) process.stdout.write(errorDocs());
  else writeFileSync(join(root, 'docs/errors.md'), errorDocs());
}
