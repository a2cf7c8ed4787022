/** No test asserts times: on a busy machine a probe of a microsecond may well take ten. */
export function withoutLimits(plan: string): string {
  return replaced(plan, 'rollback: 20%', 'rollback: 9999%');
}

/** The phases up to this one and cleanup left out: for tests of a few phases. */
export function withoutPhases(plan: string, names: string[]): string {
  const parts = plan.split(/^(?= {2}- phase: )/m);
  const kept = parts.filter((part) => !names.includes(/^ {2}- phase: (\S+)/.exec(part)?.[1] ?? ''));
  if (kept.length !== parts.length - names.length) throw new Error(`not all of ${names} are in the plan`);
  return kept.join('');
}

/** Snapshots that somebody else took: saves the seconds of pg_dump where backups are not what is tested. Foundation keeps its own. */
export function withoutBackups(plan: string): string {
  const [head = '', foundation = '', ...rest] = plan.split(/^(?= {2}- phase: )/m);
  const external = (part: string) =>
    part.replaceAll(/backup: (full|tables)$/gm, 'backup: { external: snapshot-of-tonight }');
  return [external(head), foundation, ...rest.map(external)].join('');
}

function replaced(text: string, what: string, by: string): string {
  if (!text.includes(what)) throw new Error(`the plan does not say ${what}`);
  return text.replace(what, by);
}
