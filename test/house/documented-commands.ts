import type { Command } from 'commander';
import { rekeyProgram } from '../../src/cli/program.js';

/** The commands of rekey by their names (`plan check`), each with its options as they are typed. */
export function expectedCommands(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const look = (command: Command, before: string) => {
    for (const one of command.commands) {
      const name = `${before}${one.name()}`;
      found.set(name, ['--help', ...one.options.map(({ long }) => long ?? '')]);
      look(one as Command, `${name} `);
    }
  };
  look(
    rekeyProgram(() => undefined),
    '',
  );
  return found;
}
