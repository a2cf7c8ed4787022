import { parseArgs } from 'node:util';

export const usage = `usage: npm run demo -- [--rows 200000] [--rate 100] [--seed 7] [--version 18] [--interactive] [--keep]
Moves the reference database from integer to UUID keys while clients write to it.
  --rows         rows of the database, about; at least 1,000
  --rate         operations of the clients a second
  --seed         the same seed makes the same rows
  --version      of PostgreSQL, 14 to 18
  --interactive  you approve: the commands are printed, nobody types them for you
  --keep         leaves the servers up afterwards, until Ctrl-C`;

export interface DemoOptions {
  rows: number;
  rate: number;
  seed: number;
  version: number;
  interactive: boolean;
  keep: boolean;
}

/** What was asked for; null where it was help. Throws an Error with the option's name for what can't be. */
export function demoOptions(args: string[]): DemoOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '200000' },
      rate: { type: 'string', default: '100' },
      seed: { type: 'string', default: '7' },
      version: { type: 'string', default: '18' },
      interactive: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const number = (name: 'rows' | 'rate' | 'seed' | 'version', least: number, most: number) => {
    const value = /^\d{1,10}$/.test(values[name]) ? Number(values[name]) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new Error(`--${name} must be a whole number from ${least} to ${most}, not ${values[name]}`);
  };
  return {
    rows: number('rows', 1_000, 1_000_000_000),
    rate: number('rate', 1, 10_000),
    seed: number('seed', 0, 2 ** 31 - 1),
    version: number('version', 14, 18),
    interactive: values.interactive,
    keep: values.keep,
  };
}
