import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

/** One line of the file of results. */
export interface Recorded {
  /** a phase's name, or `whole` */
  what: string;
  seed: number;
  /** of the clone that was tested; with `+` where it had changes that were not committed */
  commit: string;
  held: boolean;
  /** what the operator did and what struck */
  story: string;
  /** what must not have been */
  complaints: string;
}

const head = 'what\tseed\tcommit\tresult\tstory\tcomplaints';

/** The committed file to which every round adds a line, whatever came of it. */
export class Results {
  constructor(private readonly path: string) {}

  all(): Recorded[] {
    if (!existsSync(this.path)) return [];
    return readFileSync(this.path, 'utf8')
      .split('\n')
      .slice(1)
      .filter((line) => line !== '')
      .map((line) => {
        const [what = '', seed = '', commit = '', result = '', story = '', complaints = ''] =
          line.split('\t');
        return { what, seed: Number(seed), commit, held: result === 'held', story, complaints };
      });
  }

  add(line: Recorded): void {
    if (!existsSync(this.path)) writeFileSync(this.path, `${head}\n`);
    appendFileSync(this.path, textOf(line));
  }

  /**
   * Takes in what another clone has played: one line for each round, in the order of their seeds. Where both have played
   * it, one that held stands for one that broke: it was played again, behind what mends it. Answers with how many are new.
   */
  take(other: Recorded[]): number {
    const own = this.all();
    const rounds = new Map<string, Recorded>();
    for (const line of [...own, ...other]) {
      const round = `${line.what} ${line.seed}`;
      if (!rounds.get(round)?.held) rounds.set(round, line);
    }
    const lines = [...rounds.values()].sort((a, b) => compare(a.what, b.what) || a.seed - b.seed);
    writeFileSync(this.path, `${head}\n${lines.map(textOf).join('')}`);
    return lines.filter((line) => !own.includes(line)).length;
  }

  /** The next seeds, from the first on, that have no round yet. */
  next(what: string, first: number, rounds: number): number[] {
    const played = new Set(
      this.all()
        .filter((line) => line.what === what)
        .map(({ seed }) => seed),
    );
    return Array.from({ length: rounds }, (_, at) => first + at).filter((seed) => !played.has(seed));
  }
}

function textOf({ what, seed, commit, held, story, complaints }: Recorded): string {
  const cells = [what, seed, commit, held ? 'held' : 'broke', story, complaints];
  return `${cells.map((cell) => String(cell).replaceAll(/\s+/g, ' ')).join('\t')}\n`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
