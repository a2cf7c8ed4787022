/** A name as part of a regular expression, JavaScript's or PostgreSQL's: nothing in it is a sign. */
export function escapePattern(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
