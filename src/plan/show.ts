import { Document, visit } from 'yaml';
import { checkpointsOf } from './defaults.js';
import type { BackupKind, Checkpoint, MapSettings, Phase, Plan, PlanCheck, PlannedTable } from './model.js';
import { formatColumn } from './names.js';
import { canonicalJson } from './normal.js';
import { formatDuration, formatShare, formatSize } from './units.js';

/** The plan as YAML with every default filled in. Loads again to the same plan, with the same hashes. */
export function showPlan(plan: Plan): string {
  const document = new Document(written(plan));
  flowWhereShort(document);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function written(plan: Plan): Record<string, unknown> {
  const { quietWait, stall, tries, within } = plan.locks;
  return {
    version: plan.version,
    plan: plan.plan,
    keys: plan.keys,
    map: showMap(plan.map),
    twins: plan.twins,
    locks: {
      'quiet-wait': formatDuration(quietWait),
      stall: formatDuration(stall),
      tries,
      within: formatDuration(within),
    },
    probes: { success: formatShare(plan.probes.success), rollback: formatShare(plan.probes.rollback) },
    revalidate: formatDuration(plan.revalidate),
    backup: showBackup(plan.backup),
    rehearsal: plan.rehearsal,
    accept: plan.accept,
    definitions: plan.definitions,
    references: plan.references.map(({ from, path, by, each, to, orphans }) => ({
      from: formatColumn(from),
      ...(path === null ? {} : { path }),
      ...(by === null ? {} : { by }),
      ...(each === null ? {} : { each }),
      to,
      orphans,
    })),
    subscribers: plan.subscribers,
    phases: plan.phases.map(showPhase),
  };
}

function showMap(map: MapSettings): Record<string, unknown> {
  const signal = (ms: number | null) => (ms === null ? 'off' : formatDuration(ms));
  const { replicaLag, oldestTransaction, walKept, freeDisk } = map.pauseWhen;
  const limit = (bytes: number | undefined) => (bytes === undefined ? 'off' : formatSize(bytes));
  return {
    strategy: map.strategy,
    batch: map.batch,
    parallel: map.parallel,
    'pause-when': {
      'replica-lag': signal(replicaLag),
      'oldest-transaction': signal(oldestTransaction),
      'wal-kept': limit(walKept),
      'free-disk': limit(freeDisk),
    },
  };
}

function showBackup(backup: BackupKind): unknown {
  return typeof backup === 'object' && backup.external === '' ? 'external' : backup;
}

function showPhase(phase: Phase): Record<string, unknown> {
  return {
    phase: phase.phase,
    kind: phase.kind,
    risk: phase.risk,
    ...(phase.kind === 'tables'
      ? { tables: phase.tables.map((table) => showTable(table, phase.map)), flags: phase.flags }
      : {}),
    ...(phase.kind === 'tables' ? { twins: phase.twins, map: showMap(phase.map) } : {}),
    backup: showBackup(phase.backup),
    ...(phase.kind === 'foundation' ? {} : { window: phase.window }),
    readiness: phase.readiness,
    hooks: phase.hooks,
    probes: phase.probes,
    checks: phase.checks.map(showCheck),
    checkpoints: showCheckpoints(phase),
    rollback: { on: phase.rollback.on, 'ask-on': phase.rollback.askOn },
    ...(phase.kind === 'cleanup'
      ? { redundant: phase.redundant.map(formatColumn), indexes: phase.indexes, mapping: phase.mapping }
      : {}),
  };
}

/** The phase's own map is printed once, and a table's only where it differs. */
function showTable({ table, key, map }: PlannedTable, phaseMap: MapSettings): Record<string, unknown> {
  const rest = canonicalJson(map) === canonicalJson(phaseMap) ? {} : { map: showMap(map) };
  switch (key.source) {
    case 'derived':
      return { table, key: { source: 'derived', version: key.version, time: key.time }, ...rest };
    case 'stored':
      return { table, key: { stored: key.column }, ...rest };
    case 'adopted':
      return { table, key: { adopt: key.adopt, as: key.as }, ...rest };
    case 'surrogate':
      return {
        table,
        key: { surrogate: key.surrogate, unique: key.unique },
        children: key.children,
        ...rest,
      };
  }
}

function showCheck({ check, critical, timeout, what }: PlanCheck): Record<string, unknown> {
  const rest = { critical, timeout: formatDuration(timeout) };
  if ('sql' in what) return { check, sql: what.sql, expect: what.expect, ...rest };
  if ('hook' in what) return { check, hook: what.hook, ...rest };
  const { method, url, body, headers, expect } = what.http;
  return { check, http: { [method.toLowerCase()]: url, headers, body, expect }, ...rest };
}

function showCheckpoints(phase: Phase): Record<string, unknown> {
  return Object.fromEntries(
    checkpointsOf[phase.kind].map(({ name }) => {
      const gate = phase.checkpoints.find((one) => one.checkpoint === name);
      return [name, gate ? showGate(gate) : 'off'];
    }),
  );
}

function showGate({
  approvals,
  from,
  trust,
  checklist,
  timeout,
  onTimeout,
}: Checkpoint): Record<string, unknown> {
  return {
    approvals,
    from,
    trust,
    checklist,
    timeout: timeout === null ? 'none' : formatDuration(timeout),
    'on-timeout': onTimeout,
  };
}

/** Mappings and lists that fit on a line stand on one; the plan's own words and a phase's each begin a line. */
function flowWhereShort(document: Document): void {
  visit(document, {
    Collection(_, node, ancestors) {
      if (ancestors.length < 2) return;
      const text = JSON.stringify(node.toJSON());
      if (text.length <= 100 && !text.includes('\\n')) node.flow = true;
    },
  });
}
