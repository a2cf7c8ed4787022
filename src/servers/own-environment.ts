/** What leads to an operator's databases, plans and Temporal. */
const leadsElsewhere = /^(REKEY_(CONNECTION_|PLANS$|BACKUPS$|HOOKS$)|TEMPORAL_(?!CLI$))/;

/**
 * The environment of a worker that must see nothing but the servers of its own stage (demo, benchmark, chaos): with an
 * operator's `TEMPORAL_ADDRESS` and connections it would take that operator's tasks, and carry them out. Pure.
 */
export function ownEnvironment(
  environment: NodeJS.ProcessEnv,
  own: Record<string, string>,
): Record<string, string | undefined> {
  const rest = Object.entries(environment).filter(([name]) => !leadsElsewhere.test(name));
  return { ...Object.fromEntries(rest), ...own };
}
