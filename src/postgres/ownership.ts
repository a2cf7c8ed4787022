import { RekeyError } from '../errors.js';
import { sqlstateOf } from './from-postgres.js';
import type { Session } from './session.js';

export interface Owner {
  plan: string;
  workflowId: string;
  /** first run of the chain, so that a reset keeps ownership */
  firstRunId: string;
  runId: string;
  namespace: string;
  clusterId: string;
}

/** Stands in the place of a cluster's id where no Temporal has a part in it. */
export const undoCluster = 'none';

const columns = `plan, workflow_id as "workflowId", first_run_id as "firstRunId", run_id as "runId", namespace,
  cluster_id as "clusterId"`;

export async function readOwner(session: Session): Promise<Owner | null> {
  const [row] = await session.query<Owner>(`select ${columns} from rekey.owner`);
  return row ?? null;
}

/**
 * Makes this run the database's owner. Another owner gives way only where it is of the same cluster and namespace and
 * `isClosed` says that it is closed or unknown there; else throws BadInput `owner.other-run`, `owner.other-cluster` or `owner.undo`.
 * `isClosed` is asked outside any transaction; if the owner changes meanwhile, it is asked again.
 */
export async function claimOwner(
  session: Session,
  run: Owner,
  isClosed: (owner: Owner) => Promise<boolean>,
): Promise<void> {
  for (;;) {
    const owner = await readOwner(session);
    if (owner && !sameRun(owner, run)) {
      if (owner.clusterId !== run.clusterId || owner.namespace !== run.namespace) throw otherCluster(owner);
      if (!(await isClosed(owner))) throw otherRun(owner);
    }
    if (await replaceOwner(session, owner, run)) return;
  }
}

/** Makes this run the owner whoever has the database: for the last resort, where nobody is left who could say that the owner is gone. */
export async function takeOwner(session: Session, run: Owner): Promise<void> {
  while (!(await replaceOwner(session, await readOwner(session), run)));
}

/** Throws NotOwner `owner.lost` where another run owns the database by now: called before anything is changed. */
export async function assertOwner(
  session: Session,
  run: Pick<Owner, 'workflowId' | 'firstRunId'>,
): Promise<void> {
  const owner = await readOwner(session).catch((error) => {
    throw isSchemaGone(error)
      ? lost('the database belongs to no run: the schema rekey is gone, the foundation was rolled back')
      : error;
  });
  if (owner && sameRun(owner, run)) return;
  throw lost(
    owner ? `the database belongs to the run ${owner.workflowId}` : 'the database belongs to no run',
  );
}

function lost(message: string): RekeyError {
  return new RekeyError('NotOwner', {
    code: 'owner.lost',
    message,
    remedy: 'End this run; `rekey status` shows the one that goes on.',
  });
}

/** Undefined schema or table: nothing else of what is read here can be missing. */
function isSchemaGone(error: unknown): boolean {
  return ['3F000', '42P01'].includes(sqlstateOf(error) ?? '');
}

/** Lets go of the database, if it is ours. */
export async function releaseOwner(
  session: Session,
  run: Pick<Owner, 'workflowId' | 'firstRunId'>,
): Promise<void> {
  await session.query('delete from rekey.owner where workflow_id = $1 and first_run_id = $2', [
    run.workflowId,
    run.firstRunId,
  ]);
}

function sameRun(owner: Owner, run: Pick<Owner, 'workflowId' | 'firstRunId'>): boolean {
  return owner.workflowId === run.workflowId && owner.firstRunId === run.firstRunId;
}

/** False where the row is no longer the one that was read. */
async function replaceOwner(session: Session, read: Owner | null, run: Owner): Promise<boolean> {
  const values = [run.plan, run.workflowId, run.firstRunId, run.runId, run.namespace, run.clusterId];
  const { count } = read
    ? await session.execute(
        `update rekey.owner set plan = $1, workflow_id = $2, first_run_id = $3, run_id = $4, namespace = $5,
           cluster_id = $6, taken_at = case when first_run_id = $3 then taken_at else pg_catalog.now() end
         where workflow_id = $7 and first_run_id = $8`,
        [...values, read.workflowId, read.firstRunId],
      )
    : await session.execute(
        `insert into rekey.owner (plan, workflow_id, first_run_id, run_id, namespace, cluster_id)
         values ($1, $2, $3, $4, $5, $6) on conflict (only_one) do nothing`,
        values,
      );
  return count === 1;
}

function otherRun(owner: Owner): RekeyError {
  return new RekeyError('BadInput', {
    code: 'owner.other-run',
    message: `the run ${owner.workflowId} owns this database and is still open`,
    remedy: `Wait for it, or: temporal workflow cancel --namespace ${owner.namespace} --workflow-id ${owner.workflowId}`,
  });
}

/** A `rekey undo` has taken the database, which has no workflow: it runs, or it was interrupted. */
export function isUndo({ clusterId }: Pick<Owner, 'clusterId'>): boolean {
  return clusterId === undoCluster;
}

/** The owner runs where this run's server can not ask for it. */
export function otherCluster(owner: Owner): RekeyError {
  if (isUndo(owner)) return undoHasIt(owner);
  return new RekeyError('BadInput', {
    code: 'owner.other-cluster',
    message: `the run ${owner.workflowId} in namespace ${owner.namespace} of another Temporal cluster or namespace owns this database`,
    remedy: 'Cancel it there. If that cluster is gone for good: delete from rekey.owner',
  });
}

function undoHasIt({ workflowId }: Owner): RekeyError {
  return new RekeyError('BadInput', {
    code: 'owner.undo',
    message: `an undo has this database (${workflowId}): it runs, or it was interrupted`,
    remedy:
      'Wait for it, or type it again, it goes on where it stopped: rekey undo <connection> --by <name> --yes; once it has ended, start this again.',
  });
}
