import type { Session } from './session.js';

/** Which columns a phase moves or has moved: later phases carry legacy columns' renames and never twin them. */
export interface MemberRow {
  phase: string;
  tableName: string;
  /** null where a composite key gets a surrogate */
  columnBefore: string | null;
  shadow: string | null;
  columnAfter: string | null;
  legacy: string | null;
  /** key, reference, element, path ... */
  role: string;
  /** table whose key it is or refers to */
  domain: string;
  state: 'shadow' | 'cut-over' | 'cleaned';
}

export async function readMembers(session: Session, phase: string | null = null): Promise<MemberRow[]> {
  return session.query<MemberRow>(
    `select phase, table_name as "tableName", column_before as "columnBefore", shadow, column_after as "columnAfter",
       legacy, role, domain, state
     from rekey.member where $1::text is null or phase = $1
     order by phase, table_name, column_before, shadow`,
    [phase],
  );
}

/** Writes the members of a phase; those that stand already stay as they are. */
export async function writeMembers(session: Session, members: readonly MemberRow[]): Promise<void> {
  for (const member of members) {
    await session.query(
      `insert into rekey.member
         (phase, table_name, column_before, shadow, column_after, legacy, role, domain, state)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
      [
        member.phase,
        member.tableName,
        member.columnBefore,
        member.shadow,
        member.columnAfter,
        member.legacy,
        member.role,
        member.domain,
        member.state,
      ],
    );
  }
}

export async function setMemberState(
  session: Session,
  phase: string,
  state: MemberRow['state'],
): Promise<void> {
  await session.query('update rekey.member set state = $2 where phase = $1', [phase, state]);
}

export async function forgetMembers(session: Session, phase: string): Promise<void> {
  await session.query('delete from rekey.member where phase = $1', [phase]);
}
