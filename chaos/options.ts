import { parseArgs } from 'node:util';

export interface ChaosOptions {
  rounds: number;
  seed: number;
  /** null: the whole plan */
  phase: string | null;
  /** networks are cut for minutes, and reports and idle transactions are as long as real ones */
  minutes: boolean;
  /** only this seed, whatever the file of results says, and without adding to it */
  repeat: boolean;
  /** files of results of other clones: they are taken in, and nothing is played */
  merge: string[];
}

export const usage = `npm run chaos -- --rounds N --seed S [--phase NAME] [--minutes] [--repeat]
npm run chaos -- --merge FILE [--merge FILE ...]

Kills and cuts at random moments while a plan runs forward and back under live clients, then compares
everything with what must be.

  --rounds N     how many rounds; those that chaos/results.tsv has for this commit or an earlier one count (1)
  --seed S       the seed of the first round, the others follow it (1)
  --phase NAME   one phase on small data, in seconds: clients, or a phase of the reference plan;
                 without it the whole plan, and the shop's two phases, under the clients of both
  --minutes      with --phase clients: the network between workers and PostgreSQL or Temporal is cut for one to two and
                 a half minutes at a time, reports take 5 s and idle transactions 2 s; a round takes minutes, and waits
  --repeat       plays the rounds again that are in the file, and adds nothing to it: for a round that failed
  --merge FILE   takes the rounds of another clone's chaos/results.tsv into this one's, and plays nothing: several
                 clones can play at once, each with seeds of its own`;

/** Null where the help is asked for. */
export function chaosOptions(args: string[]): ChaosOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      phase: { type: 'string' },
      minutes: { type: 'boolean', default: false },
      repeat: { type: 'boolean', default: false },
      merge: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  if (values.minutes && values.phase !== 'clients') throw new Error('--minutes goes with --phase clients');
  return {
    rounds: whole('rounds', values.rounds),
    seed: whole('seed', values.seed),
    phase: values.phase ?? null,
    minutes: values.minutes,
    repeat: values.repeat,
    merge: values.merge,
  };
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${name} wants a whole number above 0, not ${text}`);
  return number;
}
