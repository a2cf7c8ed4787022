import type { Session } from './session.js';

export interface HookRun {
  phase: string;
  moment: string;
  /** names one occasion: the same key again is the same run of the hook */
  key: string;
  state: 'running' | 'done' | 'failed';
  exitCode: number | null;
  durationMs: number | null;
}

/** Writes that a hook is run now. False where this occasion's run is done already: it must not run again. */
export async function beginHook(
  session: Session,
  run: Pick<HookRun, 'phase' | 'moment' | 'key'>,
): Promise<boolean> {
  const { count } = await session.execute(
    `insert into rekey.hook as h (phase, moment, key, state) values ($1, $2, $3, 'running')
     on conflict (phase, moment, key) do update
       set state = 'running', exit_code = null, duration_ms = null, at = pg_catalog.clock_timestamp()
       where h.state <> 'done'`,
    [run.phase, run.moment, run.key],
  );
  return count === 1;
}

export async function endHook(session: Session, run: HookRun): Promise<void> {
  await session.query(
    `update rekey.hook set state = $4, exit_code = $5, duration_ms = $6, at = pg_catalog.clock_timestamp()
     where phase = $1 and moment = $2 and key = $3`,
    [run.phase, run.moment, run.key, run.state, run.exitCode, run.durationMs],
  );
}

export async function readHooks(session: Session, phase: string): Promise<HookRun[]> {
  return session.query<HookRun>(
    `select phase, moment, key, state, exit_code as "exitCode", duration_ms as "durationMs" from rekey.hook
     where phase = $1 order by at`,
    [phase],
  );
}
