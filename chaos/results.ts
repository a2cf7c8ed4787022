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
    const cells = [
      line.what,
      line.seed,
      line.commit,
      line.held ? 'held' : 'broke',
      line.story,
      line.complaints,
    ];
    appendFileSync(this.path, `${cells.map((cell) => String(cell).replaceAll(/\s+/g, ' ')).join('\t')}\n`);
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
