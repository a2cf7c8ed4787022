import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileFailure } from '../../src/backup/file-failure.js';

const failed = (work: Promise<unknown>) => work.then(() => null, fileFailure);

test('a place for backups that can not be written is named as such, and what to do about it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-files-'));
  const file = join(folder, 'file');
  await writeFile(file, '');
  for (const place of [file, join(file, 'below')]) {
    const error = await failed(mkdir(place, { recursive: true }));
    expect(error).toMatchObject({
      name: 'StepFailed',
      code: 'backup.not-written',
      message: expect.stringMatching(/^the backup can not be written \(E[A-Z]+\)$/),
      remedy: expect.stringContaining('REKEY_BACKUPS'),
    });
    expect(error?.message).not.toContain(folder);
  }
  await rm(folder, { recursive: true });
});

test('a full disk is called that; what is no file is left to others', async () => {
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' });
  const real = existsSync('/dev/full') ? await failed(writeFile('/dev/full', 'x')) : fileFailure(full);
  expect(real).toMatchObject({ code: 'backup.disk-full' });
  const lost = Object.assign(new Error('reset'), { code: 'ECONNRESET', syscall: 'read' });
  for (const other of [lost, new Error('anything'), 'text']) expect(fileFailure(other)).toBeNull();
});
