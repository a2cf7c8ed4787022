import { remedyOnceGivenUp } from '../../activities/give-up.js';
import { postgresErrors } from '../../src/postgres/sqlstates.js';

const again = 'It was tried again in vain: mend what keeps it, then resolve with retry.';

test('a remedy never promises another try once the step has parked, and says what to type', () => {
  for (const { type, remedy } of Object.values(postgresErrors)) {
    if (type !== 'Transient') continue;
    const said = remedyOnceGivenUp(remedy);
    expect(said).not.toMatch(/is tried again|^Nothing/);
    expect(said).toMatch(/resolve with retry/);
  }
});

test('what else a remedy says stays', () => {
  expect(remedyOnceGivenUp('Nothing: the step is tried again.')).toBe(again);
  expect(remedyOnceGivenUp('Nothing: the step is tried again. Look for a slow worker.')).toBe(
    `Look for a slow worker. ${again}`,
  );
  expect(remedyOnceGivenUp('Look for long transactions; the step is tried again.')).toBe(
    `Look for long transactions. ${again}`,
  );
  expect(remedyOnceGivenUp('Make room, then resolve with retry.')).toBe(
    'Make room, then resolve with retry.',
  );
});

test('no remedy of what PostgreSQL refuses sends anybody to a step: it may come at any of them', () => {
  for (const { remedy } of Object.values(postgresErrors))
    expect(remedy).not.toMatch(/preflight|buildTwins|swapKeys|validate/);
  const { remedy } = postgresErrors['42501'] as { remedy: string };
  expect(remedy).toMatch(/findings.*GRANT.*resolve with retry, or type the command again/);
});
