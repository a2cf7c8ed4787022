/** What a command does, in a few words, told from its own: for whoever reads it on a page or in a shell. Pure. */
export function whatItDoes(command: string): string {
  const action = /"action":"(\w+)"/.exec(command)?.[1];
  if (action)
    return action === 'rollback'
      ? 'undo all steps of the phase'
      : action === 'skip'
        ? 'go on without it'
        : 'try it again';
  if (/ update execute /.test(command)) return 'the same, with an answer at once: it needs a worker';
  if (/ workflow cancel /.test(command)) return 'stop, and undo all steps of the phase';
  if (/ workflow start /.test(command))
    return / rollBackPhase /.test(command) ? 'start the rollback again' : 'start it again, and go on';
  const signal = / --name (\w+) /.exec(command)?.[1];
  if (signal === 'reject') return 'reject it, and undo all steps of the phase';
  if (signal === 'pause') return 'pause after the batch or step that is under way';
  return signal === 'resume' ? 'go on after the pause' : (signal ?? '');
}
