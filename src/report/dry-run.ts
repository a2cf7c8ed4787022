import type { SwapStatement, Work } from '../catalog/kind.js';
import type { Hazard } from '../errors.js';
import { allKinds } from '../kinds/all.js';
import type { LockSettings, Phase, Plan } from '../plan/model.js';
import { rekeySchemaStatements } from '../postgres/rekey-schema.js';
import { dropLegacyWork, tablesOf } from '../substitution/cleanup.js';
import { batchSql, leftOverSql, parts, passSql } from '../substitution/map.js';
import { catalogAfter } from '../substitution/predict.js';
import { dropRedundantWork } from '../substitution/redundant.js';
import { serverFunctions } from '../substitution/server-functions.js';
import { mends, standingTriggers } from '../substitution/written-past.js';
import type { SeenPhase } from './phase-views.js';

export interface DryRunPhase {
  phase: string;
  kind: Phase['kind'];
  basis: SeenPhase['basis'] | null;
  hazards: Hazard[];
  steps: DryRunStep[];
  /** what undoes them, in the order in which a rollback after the cutover runs it */
  rollback: DryRunStep[];
}

export interface DryRunStep {
  step: string;
  /** what the reader should know of it: sentences */
  notes: string[];
  statements: DryRunStatement[];
}

export interface DryRunStatement {
  /** to the letter; parameters as $1 */
  text: string;
  object: string;
  /** the strongest lock that it takes on a live table, and how it is had */
  /** null: under the locks that the transaction holds already */
  lock: string | null;
}

/** Every statement of every phase in the order of a run. Pure. */
export function dryRun(plan: Plan, seen: SeenPhase[]): DryRunPhase[] {
  return plan.phases.map((phase): DryRunPhase => {
    const common = { phase: phase.phase, kind: phase.kind };
    const found = seen.find((s) => s.phase.phase === phase.phase);
    if (phase.kind === 'tables' && found) {
      const { statements, basis } = found;
      return {
        ...common,
        basis,
        hazards: statements.hazards,
        steps: forward(found, plan.locks),
        rollback: back(found, plan.locks),
      };
    }
    const steps =
      phase.kind === 'foundation' ? foundation() : phase.kind === 'cleanup' ? cleanup(phase, seen) : [];
    const rollback =
      phase.kind === 'foundation'
        ? [
            step(
              'dropFoundation',
              ['The journal is exported before.'],
              [plain('drop schema rekey cascade', 'schema rekey')],
            ),
          ]
        : [];
    return { ...common, basis: null, hazards: [], steps, rollback };
  });
}

function foundation(): DryRunStep[] {
  return [
    step(
      'createFoundation',
      ['In one transaction, when the phase is opened; running it again changes nothing.'],
      rekeySchemaStatements(serverFunctions).map((text) => plain(text, 'schema rekey')),
    ),
  ];
}

function forward(found: SeenPhase, locks: LockSettings): DryRunStep[] {
  const { view, statements } = found;
  return [
    step('addColumns', [], statements.addColumns.up.map(work)),
    step(
      'map',
      [
        'Each statement runs once a batch: $1 is its first block, $2 the block after its last. The cursor commits with it.',
        `The first goes over a stretch of a large table some times ($3: how many of ${parts} parts are done after it), so that later passes find room in a row's own page; the second takes what is left.`,
        'Rows that a client holds are skipped; the third statement finds them, and the last waits for them.',
      ],
      view.substitution.tables.flatMap((table) => [
        { text: passSql(view, table), object: table, lock: 'row locks of one batch' },
        { text: batchSql(view, table, false), object: table, lock: 'row locks of one batch' },
        { text: leftOverSql(view, table), object: table, lock: 'access share' },
        {
          text: batchSql(view, table, true),
          object: table,
          lock: 'row locks of one batch, waits for their holders',
        },
      ]),
    ),
    step('finishMap', [], statements.finishMap.map(work)),
    ...twins(found),
    cutover('swapKeys', found, statements.swap, locks),
    step('swapKeys, after its commit', [], statements.afterSwap.map(work)),
  ];
}

function twins({ view, statements }: SeenPhase): DryRunStep[] {
  const { up } = statements.buildTwins;
  if (view.phase.twins !== 'late') return [step('buildTwins', [], up.map(work))];
  return [
    step('buildTwins', [], up.filter((one) => !one.late).map(work)),
    step('buildTwins, after the approval', [], up.filter((one) => one.late).map(work)),
  ];
}

function writtenPast({ view }: SeenPhase): DryRunStatement[] {
  return [
    ...standingTriggers(view).flatMap(({ create, enable }) => [...create, enable].map(work)),
    ...mends(view).map(({ on, batch }) => ({ text: batch, object: on, lock: 'row locks of one batch' })),
  ];
}

function back(found: SeenPhase, locks: LockSettings): DryRunStep[] {
  const { statements } = found;
  const online = statements.sweeps.flatMap(({ table, blocks, batch, waiting, count }) =>
    [
      { text: blocks, lock: 'access share' },
      { text: batch, lock: 'row locks of one batch' },
      { text: count, lock: 'access share' },
      { text: waiting, lock: 'row locks of one block, waits for their holders' },
    ].map((statement) => ({ ...statement, object: `holes of ${table}` })),
  );
  const underLocks = [
    ...statements.sweeps.map(({ table, sweep }) => ({ text: sweep, object: `holes of ${table}` })),
    { text: 'set constraints all immediate', object: 'deferred triggers of the sweep' },
  ];
  return [
    step(
      'swapKeysBack, where somebody has written past a sync trigger',
      [
        'Run before the step and again once its indexes are built. A sync trigger that is gone or off stands again; then all rows are compared as validation compares them after the cutover,',
        'and only a column that differs is put right, as its UUIDs say, in batches of blocks ($1 is the first, $2 the block after the last).',
      ],
      writtenPast(found),
    ),
    step(
      'swapKeysBack, online before it',
      [
        'A hole is a legacy reference that could not be filled when its row was written. Too many of them park the step.',
        'Of the statements on holes the first finds the next blocks with some ($1: from which on, $2: up to which, $3: how many), the second fills those of a batch ($1 is its first block, $2 the block after its last).',
        'Rows that a client holds are left for the cutover; where the third counts too many of them, the fourth waits for them, a block at a time.',
      ],
      [...statements.beforeSwapBack.map(work), ...online],
    ),
    cutover('swapKeysBack', found, [...underLocks, ...statements.swapBack], locks),
    step('swapKeysBack, online after it', [], statements.afterSwapBack.map(work)),
    step('dropTwins', [], statements.buildTwins.down.map(work)),
    step(
      'unmap',
      [
        'Nothing is deleted: the mapping and the key functions stay, so that a second run gives the same keys.',
      ],
      [],
    ),
    step('dropColumns', [], statements.addColumns.down.map(work)),
  ];
}

function cutover(
  name: string,
  found: SeenPhase,
  swap: Pick<SwapStatement, 'text' | 'object'>[],
  locks: LockSettings,
): DryRunStep {
  const tables = found.statements.lockTables.map((t) => found.view.sqlTable(t)).join(', ');
  return step(
    name,
    [
      'One transaction. A LOCK that is missed is tried again, in another order of the tables.',
      `At most ${locks.tries} tries within ${Math.round(locks.within / 1000)} s; each may hold clients up for ${locks.stall} ms.`,
      'Before the first change the fingerprint is compared under the locks; flags and journal change with the keys.',
    ],
    [
      {
        text: `lock table ${tables} in share update exclusive mode`,
        object: 'all tables',
        lock: `waits ${locks.quietWait} ms at most, and no client behind it`,
      },
      {
        text: `lock table ${tables} in access exclusive mode`,
        object: 'all tables',
        lock: `statement_timeout ${locks.stall} ms`,
      },
      ...swap.map(({ text, object }) => ({ text, object, lock: null })),
    ],
  );
}

/** From its first drop on there is no way back. */
function cleanup(phase: Extract<Phase, { kind: 'cleanup' }>, seen: SeenPhase[]): DryRunStep[] {
  const last = seen.at(-1);
  const redundant = last ? dropRedundantWork(phase.redundant, catalogAfter(last.view, allKinds)) : [];
  const tables = tablesOf(seen.map((s) => s.view));
  const steps = [
    step(
      'dropLegacy',
      ['No way back from the first statement on. A table at a time; catalog changes only.'],
      [...dropLegacyWork(seen), ...redundant].map(work),
    ),
    step(
      'buildIndexes',
      ["Names without a schema are found by the search path of Rekey's role."],
      phase.indexes.map((text) => ({ text, object: 'an index of the plan', lock: online })),
    ),
    step(
      'analyzeTables',
      [],
      tables.map((table) => ({ text: `analyze ${last?.view.sqlTable(table)}`, object: table, lock: online })),
    ),
  ];
  if (phase.mapping === 'archive')
    steps.push(
      step(
        'archiveMapping',
        ['After a verified backup of it.'],
        [plain('truncate rekey.uuid_migration_mapping', 'mapping')],
      ),
    );
  return steps;
}

const online = 'none that a client waits for';

function step(name: string, notes: string[], statements: DryRunStatement[]): DryRunStep {
  return { step: name, notes, statements };
}

function plain(text: string, object: string): DryRunStatement {
  return { text, object, lock: 'none on a live table' };
}

function work({ text, object, locks }: Work): DryRunStatement {
  if (locks === 'none') return { text, object, lock: online };
  if (locks === 'concurrently') return { text, object, lock: 'concurrently: no client waits' };
  return { text, object, lock: `${locks.mode} on ${locks.tables.join(', ')}` };
}
