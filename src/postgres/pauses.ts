import type { Session } from './session.js';

/** Sets or lifts the switch that running map slices look at after each batch. */
export async function setPause(session: Session, phase: string, paused: boolean, by: string): Promise<void> {
  await session.query(
    `insert into rekey.pause (phase, paused, by) values ($1, $2, $3)
     on conflict (phase) do update set paused = excluded.paused, by = excluded.by, at = pg_catalog.clock_timestamp()`,
    [phase, paused, by],
  );
}
