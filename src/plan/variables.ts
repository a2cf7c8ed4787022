import { RekeyError } from '../errors.js';

/**
 * `${NAME}` in the addresses, headers and bodies of http checks. A plan keeps them as text: what is hashed, stored and
 * shown has the name, and only the request that is sent has the value.
 */
const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** What is wrong with a text's variables, null where nothing is. */
export function malformedVariable(text: string): string | null {
  return text.replaceAll(variable, '').includes('${')
    ? 'has a "${" that begins no variable: write ${NAME}, with letters, digits and "_"'
    : null;
}

/** The names of a text's variables. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(variable)].map(([, name]) => name as string);
}

/** Throws BadInput `plan.unknown-variable`, with the name and never a value, where the environment does not have one. */
export function fillVariables(text: string, environment: Record<string, string | undefined>): string {
  return text.replaceAll(variable, (_, name: string) => {
    const value = environment[name];
    if (value === undefined) {
      throw new RekeyError('BadInput', {
        code: 'plan.unknown-variable',
        message: `the plan uses the environment variable ${name}, which the worker does not have`,
        remedy: `Set ${name} in the worker's environment and start the worker again.`,
      });
    }
    return value;
  });
}
