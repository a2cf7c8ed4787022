import { cutName } from '../catalog/cut-name.js';
import { splitTableId } from '../catalog/quote.js';
import type {
  BackupKind,
  Checkpoint,
  CheckpointName,
  KeyDefaults,
  MapSettings,
  PauseWhen,
  Phase,
  PhaseKind,
  Plan,
  PlanCheck,
  PlannedKey,
  PlannedTable,
} from './model.js';
import type { WrittenPlan } from './schema.js';
import type { CheckpointSettings } from './schema-checks.js';
import type { WrittenMap, WrittenPhase, WrittenTable } from './schema-phase.js';

/** What holds where a plan says nothing. docs/plan-reference.md says the same, and a test compares. */
const minute = 60_000;

export const defaults = {
  keys: { source: 'derived', version: 7, time: 'created_at' } satisfies KeyDefaults as KeyDefaults,
  map: {
    strategy: 'in-place',
    batch: 5000,
    parallel: 2,
    pauseWhen: { replicaLag: 10_000, oldestTransaction: 15 * minute },
  } satisfies MapSettings as MapSettings,
  twins: 'ask' as const,
  locks: { quietWait: 2000, stall: 150, tries: 30, within: 10 * minute },
  probes: { success: 0.1, rollback: 0.2 },
  revalidate: 60 * minute,
  backup: 'tables' satisfies BackupKind as BackupKind,
  sample: 1000,
  checkTimeout: 30_000,
  days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const,
  zone: 'UTC',
};

/** The gates of each kind of phase in their order, and whether they are there unless the plan says otherwise. */
export const checkpointsOf: Record<PhaseKind, { name: CheckpointName; unlessOff: boolean }[]> = {
  foundation: [
    { name: 'before', unlessOff: false },
    { name: 'after', unlessOff: true },
  ],
  tables: [
    { name: 'before', unlessOff: false },
    { name: 'before-swap', unlessOff: true },
    { name: 'after-swap', unlessOff: true },
  ],
  cleanup: [
    { name: 'before', unlessOff: false },
    { name: 'before-drop', unlessOff: true },
    { name: 'after', unlessOff: true },
  ],
};

export function fillIn(written: WrittenPlan): Plan {
  const keys = { ...defaults.keys, ...defined(written.keys) };
  const map = fillMap(written.map, defaults.map);
  const twins = written.twins ?? defaults.twins;
  const backup = written.backup ?? defaults.backup;
  const locks = written.locks ?? {};
  return {
    version: 1,
    plan: written.plan,
    keys,
    map,
    twins,
    locks: {
      quietWait: locks['quiet-wait'] ?? defaults.locks.quietWait,
      stall: locks.stall ?? defaults.locks.stall,
      tries: locks.tries ?? defaults.locks.tries,
      within: locks.within ?? defaults.locks.within,
    },
    probes: { ...defaults.probes, ...defined(written.probes) },
    revalidate: written.revalidate ?? defaults.revalidate,
    backup,
    rehearsal:
      written.rehearsal === undefined || written.rehearsal === 'skip'
        ? 'skip'
        : { on: written.rehearsal.on ?? 'beside', sample: written.rehearsal.sample ?? defaults.sample },
    accept: (written.accept ?? []).map(defined),
    definitions: (written.definitions ?? []).map(defined),
    references: (written.references ?? []).map((r) => ({
      from: r.from,
      path: r.path ?? null,
      by: r.by ?? null,
      each: r.each ?? null,
      to: r.to,
      orphans: r.orphans ?? 'refuse',
    })),
    subscribers: (written.subscribers ?? []).map(defined),
    phases: written.phases.map((phase) => fillPhase(phase, { keys, map, twins, backup })),
  };
}

type PlanWide = Pick<Plan, 'keys' | 'map' | 'twins' | 'backup'>;

function fillPhase(written: WrittenPhase, wide: PlanWide): Phase {
  const common = {
    phase: written.phase,
    risk: written.risk ?? null,
    window:
      'window' in written && written.window
        ? {
            days: [...(written.window.days ?? defaults.days)],
            from: written.window.from,
            to: written.window.to,
            zone: written.window.zone ?? defaults.zone,
          }
        : null,
    readiness: (written.readiness ?? []).map((r) => ({
      check: r.check,
      sql: r.sql,
      expect: r.expect ?? 'no rows',
      otherwise: r.otherwise ?? ('stop' as const),
    })),
    hooks: defined(written.hooks ?? {}),
    probes: (written.probes ?? []).map((p) => ({ probe: p.probe, sql: p.sql, with: p.with ?? null })),
    checks: (written.checks ?? []).map(fillCheck),
    checkpoints: fillCheckpoints(written.kind, written.checkpoints ?? {}),
    rollback: { on: written.rollback?.on ?? [], askOn: written.rollback?.['ask-on'] ?? [] },
    flags: 'flags' in written ? (written.flags ?? []) : [],
  };
  if (written.kind === 'tables') {
    const map = fillMap(written.map, wide.map);
    return {
      ...common,
      kind: 'tables',
      backup: written.backup ?? wide.backup,
      tables: written.tables.map((table) => fillTable(table, wide.keys, map)),
      twins: written.twins ?? wide.twins,
      map,
    };
  }
  // These two stand for the whole database: `tables` would leave out what the next phases need, or what was dropped.
  const backup = written.backup ?? (wide.backup === 'tables' ? 'full' : wide.backup);
  if (written.kind === 'foundation') return { ...common, kind: 'foundation', backup };
  return {
    ...common,
    kind: 'cleanup',
    backup,
    redundant: written.redundant ?? [],
    indexes: written.indexes ?? [],
    mapping: written.mapping ?? 'keep',
  };
}

function fillTable(written: WrittenTable, keys: KeyDefaults, map: MapSettings): PlannedTable {
  return { table: written.table, key: fillKey(written, keys), map: fillMap(written.map, map) };
}

function fillKey({ table, key, children }: WrittenTable, keys: KeyDefaults): PlannedKey {
  if (key && 'surrogate' in key) {
    const name = splitTableId(table)?.name ?? table;
    return {
      source: 'surrogate',
      surrogate: key.surrogate,
      unique: key.unique ?? cutName(`uq_${name}`),
      children: children ?? cutName(`${name}_${key.surrogate}`),
    };
  }
  if (key && 'adopt' in key) return { source: 'adopted', adopt: key.adopt, as: key.as ?? 'id' };
  if (key && 'stored' in key) return { source: 'stored', column: key.stored };
  // Without a column's name it can't be filled in; check.ts refuses it by name.
  if (!key && keys.source === 'stored') return { source: 'stored', column: '' };
  return {
    source: 'derived',
    version: key?.version ?? keys.version,
    time: key?.time === undefined ? keys.time : key.time,
  };
}

function fillMap(written: WrittenMap | undefined, wide: MapSettings): MapSettings {
  const pause = written?.['pause-when'];
  const lag = pause?.['replica-lag'];
  const oldest = pause?.['oldest-transaction'];
  return {
    strategy: written?.strategy ?? wide.strategy,
    batch: written?.batch ?? wide.batch,
    parallel: written?.parallel ?? wide.parallel,
    pauseWhen: {
      replicaLag: lag === undefined ? wide.pauseWhen.replicaLag : lag,
      oldestTransaction: oldest === undefined ? wide.pauseWhen.oldestTransaction : oldest,
      ...limitOf('walKept', pause?.['wal-kept'], wide.pauseWhen),
      ...limitOf('freeDisk', pause?.['free-disk'], wide.pauseWhen),
    },
  };
}

/** Nothing where it is off. */
function limitOf(word: 'walKept' | 'freeDisk', written: number | null | undefined, wide: PauseWhen) {
  const limit = written === undefined ? wide[word] : written;
  return typeof limit === 'number' ? { [word]: limit } : {};
}

function fillCheck(written: NonNullable<WrittenPhase['checks']>[number]): PlanCheck {
  const common = {
    check: written.check,
    critical: written.critical ?? false,
    timeout: written.timeout ?? defaults.checkTimeout,
  };
  if ('sql' in written) return { ...common, what: { sql: written.sql, expect: written.expect ?? 'no rows' } };
  if ('hook' in written) return { ...common, what: { hook: written.hook } };
  const { method, url, body, headers, expect } = written.http;
  return {
    ...common,
    what: {
      http: {
        method: method.toUpperCase(),
        url,
        body: body ?? null,
        headers: headers ?? {},
        expect: expect ?? 200,
      },
    },
  };
}

function fillCheckpoints(
  kind: PhaseKind,
  written: Partial<Record<CheckpointName, CheckpointSettings | 'off' | undefined>>,
): Checkpoint[] {
  return checkpointsOf[kind].flatMap(({ name, unlessOff }) => {
    const settings = written[name];
    if (settings === 'off' || (settings === undefined && !unlessOff)) return [];
    return [
      {
        checkpoint: name,
        approvals: settings?.approvals ?? 1,
        from: settings?.from ?? [],
        trust: settings?.trust ?? 'declared',
        checklist: settings?.checklist ?? [],
        timeout: settings?.timeout ?? null,
        onTimeout: settings?.['on-timeout'] ?? 'rollback',
      },
    ];
  });
}

/** Without the words that were left out, so that a spread does not overwrite a default with undefined. */
function defined<T extends object>(value: T | undefined): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, v]) => v !== undefined)) as never;
}
