import type { Session } from './session.js';

/** Makes a phase's flags known, off; those that are there stay as they are. */
export async function declareFlags(session: Session, phase: string, names: readonly string[]): Promise<void> {
  await session.query(
    `insert into rekey.flag (name, phase) select name, $1 from pg_catalog.unnest($2::text[]) as name
     on conflict (name) do nothing`,
    [phase, names],
  );
}

/** Switches a phase's flags, in the transaction of the cutover or of the swap back. */
export async function switchFlags(
  session: Session,
  phase: string,
  names: readonly string[],
  enabled: boolean,
): Promise<void> {
  await session.query(
    `insert into rekey.flag (name, phase, enabled, switched_at)
     select name, $1, $3, pg_catalog.now() from pg_catalog.unnest($2::text[]) as name
     on conflict (name) do update set enabled = excluded.enabled, switched_at = excluded.switched_at`,
    [phase, names, enabled],
  );
}

export async function readFlags(session: Session): Promise<{ name: string; enabled: boolean }[]> {
  return session.query('select name, enabled from rekey.flags order by name');
}
