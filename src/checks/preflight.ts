import { type Hazard, RekeyError } from '../errors.js';
import type { Phase, Plan } from '../plan/model.js';
import { type Judged, judge } from './acceptance.js';
import type { Database } from './database.js';
import { adoptedReferences } from './hazards/adopted.js';
import type { HazardContext, HazardFamily } from './hazards/context.js';
import { disk } from './hazards/disk.js';
import { dumpRoles } from './hazards/dump-roles.js';
import { eventTriggers } from './hazards/event-triggers.js';
import { keptTypes } from './hazards/kept-types.js';
import { keyRoom } from './hazards/key-room.js';
import { keySource } from './hazards/key-source.js';
import { locks } from './hazards/locks.js';
import { notCarriedOver } from './hazards/not-carried-over.js';
import { orphans } from './hazards/orphans.js';
import { privileges } from './hazards/privileges.js';
import { server } from './hazards/server.js';
import { shape } from './hazards/shape.js';
import { standbys } from './hazards/standbys.js';
import { strayWrites } from './hazards/stray-writes.js';
import { publicationsOfAll, subscribers } from './hazards/subscribers.js';
import { tableKinds } from './hazards/table-kinds.js';
import { triggers } from './hazards/triggers.js';
import { uniqueTwins } from './hazards/unique-twins.js';
import { unmovedKeys } from './hazards/unmoved-keys.js';

/** Every family. A new one is a file and a line here. */
export const families: HazardFamily[] = [
  strayWrites,
  notCarriedOver,
  tableKinds,
  subscribers,
  standbys,
  triggers,
  shape,
  uniqueTwins,
  adoptedReferences,
  keyRoom,
  keySource,
  keptTypes,
  locks,
  disk,
  unmovedKeys,
  orphans,
];

const readsRows = new Set<HazardFamily>([adoptedReferences, keyRoom, orphans]);

/** Rows that row security hides can't be counted, and asking is an error: `forced-row-security` says so by name. */
async function asFarAsSeen(family: HazardFamily, context: HazardContext): Promise<Hazard[]> {
  try {
    return await family(context);
  } catch (error) {
    const isHidden = error instanceof RekeyError && error.code === 'row-security.hides-rows';
    const isNamed = () => tableKinds(context).some((h) => h.hazard === 'forced-row-security');
    if (isHidden && readsRows.has(family) && isNamed()) return [];
    throw error;
  }
}

/** ms; for a plan that has switched the throttle's own limit off */
const oldestTransaction = 15 * 60_000;

/** All hazards of a phase with tables. Changes nothing; locks: ACCESS SHARE. */
export async function findHazards(context: HazardContext): Promise<Hazard[]> {
  const { database, view, statements, phase } = context;
  const found: Hazard[] = [
    ...(await server(database, view.version, phase.map.pauseWhen.oldestTransaction ?? oldestTransaction)),
    ...(await eventTriggers(database)),
    ...(await privileges(database, view)),
    ...statements.hazards,
  ];
  // what a role may not read it can't count either: the privileges come first
  if (found.some((h) => h.hazard === 'privilege-missing')) return found;
  for (const family of families) {
    context.heartbeat?.();
    found.push(...(await asFarAsSeen(family, context)));
  }
  return found;
}

/**
 * Hazards of a phase with tables, judged by the plan's `accept` entries. `trial` tries the twins on empty copies; it is left
 * out where the role lacks a privilege or the phase can't be planned, as it would fail for a reason that is named already.
 */
export async function preflight(
  context: HazardContext,
  trial: () => Promise<Hazard[]> = async () => [],
): Promise<Judged> {
  const found = await findHazards(context);
  const pointless =
    found.some((h) => h.hazard === 'privilege-missing') || context.statements.hazards.length > 0;
  return judge(context.plan, context.phase, pointless ? found : [...found, ...(await trial())]);
}

/** The same for foundation and cleanup, which name no members. */
export async function preflightWithoutTables(
  database: Database,
  plan: Plan,
  phase: Phase,
  version: number,
): Promise<Judged> {
  const found = [
    ...(await server(database, version, plan.map.pauseWhen.oldestTransaction ?? oldestTransaction)),
    ...(await eventTriggers(database)),
    ...(await privileges(database, null)),
    ...(phase.kind === 'foundation' ? await publicationsOfAll(database, plan, phase) : []),
    ...(phase.kind === 'foundation' ? await dumpRoles(database) : []),
  ];
  return judge(plan, phase, found);
}
