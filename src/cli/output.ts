/** Text goes out as it is, anything else as JSON. */
export function print(what: string | object): void {
  const text = typeof what === 'string' ? what : `${JSON.stringify(what, null, 2)}\n`;
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}
