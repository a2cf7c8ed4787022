import { appendFileSync } from 'node:fs';

/**
 * A figure that a test has measured, for docs/reliability.md: a name that stays, a value, a unit (`ms`, `rows`, `x`,
 * `rounds` …). Several values of one name are shown as their median and their greatest. Kept only where REKEY_FIGURES
 * names a file.
 */
export function figure(name: string, value: number, unit: string): void {
  const file = process.env.REKEY_FIGURES;
  if (file) appendFileSync(file, `${JSON.stringify({ name, value, unit })}\n`);
}
