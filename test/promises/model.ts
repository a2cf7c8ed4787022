/**
 * What Rekey promises about live clients, its surroundings and Temporal, each with the tests that show it. The files
 * beside this one are the lists, one an area; `npm run test:reliability` makes docs/reliability.md of
 * them and of the results of a run, and refuses a promise whose tests did not all pass.
 */
export interface Kept {
  /** one sentence, as an operator would want to hear it */
  promise: string;
  /** [file from the root of the project, the test's own title without its describe] */
  tests: [file: string, title: string][];
  /** names that these tests pass to `figure` */
  figures?: string[];
}
