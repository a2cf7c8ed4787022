import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { chaosOptions, usage } from './options.js';
import { Play } from './play.js';
import { Results } from './results.js';
import type { RoundResult } from './round.js';
import { settingOf } from './setting-of.js';
import { Stage } from './stage.js';

async function main(): Promise<void> {
  const options = chaosOptions(process.argv.slice(2));
  if (options === null) return console.log(usage);
  const root = process.cwd();
  const results = new Results(join(root, 'chaos/results.tsv'));
  if (options.merge.length > 0) {
    const rounds = results.take(options.merge.flatMap((path) => new Results(path).all()));
    return console.log(`${rounds} rounds are new in chaos/results.tsv`);
  }
  const what = `${options.phase ?? 'whole'}${options.minutes ? '-minutes' : ''}`;
  const all = Array.from({ length: options.rounds }, (_, at) => options.seed + at);
  const seeds = options.repeat ? all : results.next(what, options.seed, options.rounds);
  const say = clock();
  const played = all.length - seeds.length;
  if (played > 0)
    say(`${played} of these rounds are in chaos/results.tsv already; --repeat plays them again`);
  if (seeds.length === 0) return;
  const commit = commitOf(root);
  const { setting, close } = await settingOf(options.phase, options.minutes);
  const stage = await Stage.set({ root });
  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    await stage.strike();
    await close();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void end().then(() => process.exit(130)));
  let broke = 0;
  try {
    const play = await Play.of(stage, setting, say);
    for (const seed of seeds) {
      const result = await play.round(seed);
      if (ending) return;
      const held = result.complaints.length === 0;
      say(`seed ${seed}: ${held ? 'held' : 'BROKE'}; ${summary(result)}`);
      for (const complaint of result.complaints) console.log(`       ${complaint}`);
      if (!held) {
        broke += 1;
        console.log(
          `       again: npm run chaos -- --rounds 1 --seed ${seed}${options.phase ? ` --phase ${options.phase}` : ''}${options.minutes ? ' --minutes' : ''} --repeat`,
        );
      }
      if (!options.repeat)
        results.add({
          what,
          seed,
          commit,
          held,
          story: result.story,
          complaints: result.complaints.join('; ').slice(0, 500),
        });
    }
    say(`${seeds.length - broke} of ${seeds.length} rounds held`);
  } finally {
    await end();
  }
  process.exit(broke === 0 ? 0 : 1);
}

function summary({ outcomes, parked, operations, retried, struck, seconds }: RoundResult): string {
  const parks = parked.length ? `, parked at ${parked.join(', ')}` : '';
  return `${outcomes.join(', ')} in ${seconds.toFixed(1)} s, ${struck} faults struck${parks}; ${operations} operations, ${retried} done twice`;
}

function commitOf(root: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no')
      .split('\n')
      .some((line) => line && !line.endsWith('results.tsv'));
    return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '');
  } catch {
    return 'unknown';
  }
}

function clock(): (text: string) => void {
  const began = Date.now();
  return (text) => {
    const seconds = Math.round((Date.now() - began) / 1000);
    console.log(
      `${String(Math.floor(seconds / 60)).padStart(3)}:${String(seconds % 60).padStart(2, '0')}  ${text}`,
    );
  };
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
