/** Two columns, the second aligned to the right: figures that are compared stand above each other. */
export function table(lines: [string, string][]): string {
  const left = Math.max(...lines.map(([name]) => name.length));
  const right = Math.max(...lines.map(([, value]) => value.length));
  const rule = '-'.repeat(left + right + 2);
  return [rule, ...lines.map(([name, value]) => `${name.padEnd(left)}  ${value.padStart(right)}`), rule].join(
    '\n',
  );
}

export const count = (value: number) => value.toLocaleString('en');
export const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
