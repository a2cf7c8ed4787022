import { rolesInOrder } from '../../src/backup/schema-dump.js';

const dumped = (roles: string) => `--
CREATE POLICY "own, ""rows""" ON public."to TO" AS RESTRICTIVE FOR UPDATE TO ${roles} USING ((name = 'b, a'::text)) WITH CHECK (true);
CREATE POLICY everybody ON public.announcements USING (true);
GRANT SELECT ON TABLE public.announcements TO zoe;
`;

describe('Two dumps of one schema', () => {
  it('are the same where only the order of the roles in the cluster has changed', () => {
    const one = dumped('app, "Team, B", reader');
    const other = dumped('reader, app, "Team, B"');
    expect(rolesInOrder(other)).toBe(rolesInOrder(one));
    expect(rolesInOrder(one)).toContain(`TO "Team, B", app, reader USING ((name = 'b, a'::text))`);
  });

  it('differ where a policy has got another role', () => {
    expect(rolesInOrder(dumped('app, reader'))).not.toBe(rolesInOrder(dumped('app')));
  });

  it('keep every other line as pg_dump wrote it', () => {
    const text = dumped('app');
    expect(rolesInOrder(text)).toBe(text);
  });
});
