/**
 * Text goes out with control characters written out, anything else as JSON, which has them written out. Signals, names of
 * objects and PostgreSQL's own words may hold what a terminal obeys, on a screen whose commands one pastes.
 */
export function print(what: string | object): void {
  printExactly(typeof what === 'string' ? visible(what) : what);
}

/** To the letter: for what is written to a file and run. */
export function printExactly(what: string | object): void {
  const text = typeof what === 'string' ? what : `${JSON.stringify(what, null, 2)}\n`;
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** All but line ends and tabs, as `\x1b`; the marks that turn the order of what is read round, too. Pure. */
export function visible(text: string): string {
  return text.replace(controls, (c) => {
    const code = (c.codePointAt(0) as number).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
