import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import {
  approveCommands,
  type Command,
  inLines,
  onOneLine,
  resolveCommands,
} from '../../src/decisions/commands.js';
import type { Gate } from '../../src/decisions/model.js';

const gate: Gate = {
  checkpoint: 'before-swap',
  opening: 7,
  planHash: '0123456789ab',
  openedAt: 0,
  deadline: null,
  needed: 2,
  from: ['release-manager', 'application-owner'],
  trust: 'declared',
  checklist: ["the owner's yes is on file", 'full backup seen'],
  canReject: true,
  approvals: [{ by: 'Release-Manager', at: 0, reason: null }],
  state: 'open',
  rejectedBy: null,
};

/** What a shell makes of a command: its words, `temporal` left out. */
function words(command: string): string[] {
  const script = `temporal() { for word in "$@"; do printf '%s\\0' "$word"; done; }\n${command}\n`;
  return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
}

test('the signal comes first, the update second, and the next name is one that is still missing', () => {
  const [signal, update, reject] = approveCommands({ workflowId: 'move/users', namespace: 'default' }, gate);
  expect(words(onOneLine(signal!)).slice(0, 6)).toEqual([
    'workflow',
    'signal',
    '--workflow-id',
    'move/users',
    '--name',
    'approve',
  ]);
  expect(JSON.parse(words(onOneLine(signal!)).at(-1)!)).toEqual({
    checkpoint: 'before-swap',
    opening: 7,
    plan: '0123456789ab',
    by: 'application-owner',
    checklist: ["the owner's yes is on file", 'full backup seen'],
  });
  expect(words(onOneLine(update!)).join(' ')).toContain(
    'update execute --workflow-id move/users --name decide --command-timeout 30s',
  );
  expect(JSON.parse(words(onOneLine(reject!)).at(-1)!)).toMatchObject({
    by: 'application-owner',
    reason: 'why',
  });
});

test('where the plan names nobody, the shell of whoever pastes it says who decides', () => {
  const [signal] = approveCommands(
    { workflowId: 'm', namespace: 'production' },
    { ...gate, from: [], checklist: [] },
  );
  const typed = words(onOneLine(signal!));
  expect(typed).toContain('production');
  expect(JSON.parse(typed.at(-1)!).by).toBe(execFileSync('id', ['-un'], { encoding: 'utf8' }).trim());
});

test('broken into lines of 55 characters it is the same command, whatever names it carries', () => {
  const text = fc
    .string({ minLength: 1, maxLength: 120, unit: 'grapheme' })
    .filter((value) => !value.includes('\0') && !/[\ud800-\udfff]/u.test(value));
  fc.assert(
    fc.property(text, text, fc.array(text, { maxLength: 3 }), (workflowId, step, checklist) => {
      const at = { workflowId, namespace: 'default' };
      const parking = {
        step,
        opening: 1,
        planHash: '0123456789ab',
        actions: ['retry' as const],
        action: null,
        by: null,
      };
      const commands: Command[] = [
        ...approveCommands(at, { ...gate, checklist }),
        ...resolveCommands(at, parking),
      ];
      for (const command of commands) {
        const lines = inLines(command);
        expect(
          Math.max(
            ...lines
              .split('\n')
              .filter(() => !workflowId.includes('\n'))
              .map((line) => [...line].length),
            0,
          ),
        ).toBeLessThanOrEqual(55);
        expect(words(lines)).toEqual(words(onOneLine(command)));
      }
    }),
    { numRuns: 25 },
  );
});
