import type { TableProgress } from '../decisions/status.js';
import { phaseHash } from '../plan/hash.js';
import type { Phase, Plan } from '../plan/model.js';
import { rekeySchemaVersionOf } from '../postgres/bootstrap.js';
import { type DecisionRow, readDecisions } from '../postgres/decisions.js';
import { readDocument } from '../postgres/documents.js';
import { newestOpening, type OpeningRow } from '../postgres/gates.js';
import { type Owner, readOwner } from '../postgres/ownership.js';
import { type PhaseRow, readLastEnded, readPhases } from '../postgres/phases.js';
import type { Session } from '../postgres/session.js';
import { metricsOf, type PhaseMetrics } from './metrics.js';
import { type NoteGroup, readPreflightNotes } from './notes-by-code.js';
import { type RangeProgress, tableProgress } from './progress.js';
import type { AskWayBack } from './way-back.js';

/** Where a migration stands by the database alone: no worker and no Temporal is asked. */
export interface DatabaseStatus {
  database: string;
  /** the server's clock */
  asOf: Date;
  /** null: there is no schema rekey */
  plan: string | null;
  owner: Owner | null;
  /** of the stored plan, those that have not begun included */
  phases: ListedPhase[];
  /** the phase that is open, or else the newest that began */
  current: PhaseNow | null;
  waits: LockWait[];
}

export interface ListedPhase {
  phase: string;
  kind: string;
  planHash: string;
  state: 'new' | PhaseRow['state'];
  cutOver: boolean;
  startedAt: Date | null;
  finishedAt: Date | null;
}

export interface PhaseNow {
  row: PhaseRow;
  /** as it was stored when the phase began */
  planned: Phase | null;
  /** the newest entry of the journal; `held`: it says why the throttle holds what comes next */
  last: { step: string | null; at: Date; held: string | null } | null;
  /** a statement that has not ended, by the journal */
  running: { step: string | null; object: string | null; since: Date } | null;
  progress: TableProgress[];
  paused: { by: string; at: Date } | null;
  gate: OpeningRow | null;
  decisions: DecisionRow[];
  failure: { step: string; code: string; message: string; remedy: string; at: Date } | null;
  wayBack: { open: boolean; because: string };
  metrics: PhaseMetrics;
  findings: number;
  /** what preflight noted and what the plan accepts, by code */
  notes: NoteGroup[];
}

export interface LockWait {
  waiter: string;
  waiterPid: number;
  seconds: number;
  blocker: string;
  blockerPid: number;
  blockerState: string | null;
  blockerSeconds: number | null;
}

export async function readDatabaseStatus(session: Session, ask: AskWayBack): Promise<DatabaseStatus> {
  const { database, now } = await session.one<{ database: string; now: Date }>(
    'select pg_catalog.current_database() as database, pg_catalog.now() as now',
  );
  const nothing = { database, asOf: now, plan: null, owner: null, phases: [], current: null, waits: [] };
  if ((await rekeySchemaVersionOf(session)) === null) return nothing;
  const rows = await readPhases(session);
  const row = rows.find((r) => r.state === 'open') ?? (await readLastEnded(session));
  const plan = row && (await storedPlan(session, row));
  return {
    ...nothing,
    plan: row?.plan ?? null,
    owner: await readOwner(session),
    phases: listPhases(plan, rows),
    current: row && (await phaseNow(session, row, ask, plan, now)),
    waits: await lockWaits(session),
  };
}

async function storedPlan(session: Session, row: PhaseRow): Promise<Plan | null> {
  const text = row.planDocument === null ? null : await readDocument(session, row.planDocument);
  return text === null ? null : (JSON.parse(text) as Plan);
}

function listPhases(plan: Plan | null, rows: PhaseRow[]): ListedPhase[] {
  const begun = rows.map(({ phase, kind, planHash, state, cutOver, startedAt, finishedAt }) => ({
    phase,
    kind,
    planHash,
    state,
    cutOver,
    startedAt,
    finishedAt,
  }));
  const order = plan?.phases.map((p) => p.phase) ?? begun.map((p) => p.phase);
  return order.map((phase): ListedPhase => {
    const found = begun.find((p) => p.phase === phase);
    if (found) return found;
    const kind = plan?.phases.find((p) => p.phase === phase)?.kind ?? 'tables';
    const planHash = plan ? phaseHash(plan, phase) : '';
    return { phase, kind, planHash, state: 'new', cutOver: false, startedAt: null, finishedAt: null };
  });
}

async function phaseNow(
  session: Session,
  row: PhaseRow,
  ask: AskWayBack,
  plan: Plan | null,
  now: Date,
): Promise<PhaseNow> {
  const { phase } = row;
  const opening = await newestOpening(session, phase);
  const gate = opening && opening.closedAt === null ? opening : null;
  const first = async <R extends object>(sql: string): Promise<R | null> =>
    (await session.query<R>(sql, [phase]))[0] ?? null;
  const ranges = await session.query<RangeProgress>(
    `select table_name as "table", rows_done::float8 as "rowsDone", rows_total::float8 as "rowsTotal", seconds, done,
       updated_at as "updatedAt" from rekey.cursor where phase = $1 order by rows_total desc, table_name, range_no`,
    [phase],
  );
  const paused = await first<{ paused: boolean; by: string; at: Date }>(
    'select paused, by, at from rekey.pause where phase = $1',
  );
  const findings = await first<{ count: number }>(
    'select count(*)::float8 as count from rekey.finding where phase = $1',
  );
  return {
    row,
    planned: plan?.phases.find((p) => p.phase === phase) ?? null,
    last: await first(
      `select step, at, detail->>'held' as held from rekey.journal where phase = $1 order by id desc limit 1`,
    ),
    running: await first(
      `select step, object, at as since from rekey.journal where phase = $1 and kind = 'statement' and duration_ms is null
         and at > coalesce((select max(at) from rekey.journal where phase = $1 and kind in ('step', 'failure')), '-infinity')
       order by id desc limit 1`,
    ),
    progress: tableProgress(ranges, now),
    paused: paused?.paused ? { by: paused.by, at: paused.at } : null,
    gate,
    decisions: gate ? await readDecisions(session, phase, gate.opening) : [],
    failure: gate?.parked
      ? await first(
          `select step, detail->>'code' as code, detail->>'message' as message, detail->>'remedy' as remedy, at
           from rekey.journal where phase = $1 and kind = 'note' and (detail->>'parked')::bool order by id desc limit 1`,
        )
      : null,
    wayBack: await ask(session, row),
    metrics: await metricsOf(session, phase),
    findings: findings?.count ?? 0,
    notes: await readPreflightNotes(session, phase),
  };
}

/** Who waits for whom, as far as one of the two is Rekey's. */
function lockWaits(session: Session): Promise<LockWait[]> {
  return session.query<LockWait>(
    `select a.application_name as waiter, a.pid as "waiterPid",
       extract(epoch from pg_catalog.clock_timestamp() - a.query_start)::float8 as seconds,
       coalesce(b.application_name, 'a prepared transaction') as blocker, x.pid as "blockerPid", b.state as "blockerState",
       extract(epoch from pg_catalog.clock_timestamp() - b.xact_start)::float8 as "blockerSeconds"
     from pg_catalog.pg_stat_activity a
     cross join lateral pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) as x(pid)
     left join pg_catalog.pg_stat_activity b on b.pid = x.pid
     where a.datname = pg_catalog.current_database() and a.wait_event_type = 'Lock'
       and (a.application_name like 'rekey %' or b.application_name like 'rekey %')
     order by a.query_start`,
  );
}
