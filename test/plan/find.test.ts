import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadPlan } from '../../src/plan/find.js';
import { fillVariables } from '../../src/plan/variables.js';
import { everyWord } from './every-word.js';

let directory: string;
let plans: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'rekey-plans-'));
  plans = path.join(directory, 'plans');
  await mkdir(path.join(plans, 'shop'), { recursive: true });
  await writeFile(path.join(plans, 'testapp.yaml'), everyWord);
  await writeFile(path.join(plans, 'other.yml'), everyWord.replace('plan: testapp', 'plan: other'));
  await writeFile(path.join(plans, 'shop', 'bad.yaml'), everyWord.replace('twins:', 'twinz:'));
  await writeFile(path.join(directory, 'secret.yaml'), everyWord);
  await symlink(path.join(directory, 'secret.yaml'), path.join(plans, 'link.yaml'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const load = (name: string) => loadPlan(name, { REKEY_PLANS: plans });

test('a plan is found by its name, with either ending, or by its path', async () => {
  expect(await load('testapp')).toMatchObject({
    file: 'testapp.yaml',
    source: everyWord,
    plan: { plan: 'testapp' },
  });
  expect((await load('other')).plan.plan).toBe('other');
  expect((await load('testapp.yaml')).plan.plan).toBe('testapp');
});

test('a plan is found by its own name in a file of another name, unless two files have it', async () => {
  await writeFile(path.join(plans, 'file.yaml'), everyWord.replace('plan: testapp', 'plan: "orders" # 2026'));
  expect(await load('orders')).toMatchObject({ file: 'file.yaml', plan: { plan: 'orders' } });
  await writeFile(path.join(plans, 'copy.yaml'), everyWord.replace('plan: testapp', 'plan: orders'));
  await expect(load('orders')).rejects.toMatchObject({ type: 'BadInput', code: 'plan.ambiguous' });
});

test('an error in a plan names its file as it is called in the directory', async () => {
  await expect(load('shop/bad')).rejects.toMatchObject({
    code: 'plan.unknown-word',
    where: expect.stringMatching(/^shop\/bad\.yaml:9:1 twinz$/),
  });
});

test.each(['../secret', '../secret.yaml', 'link', 'shop/../../secret'])(
  '%s leads out of the directory and is refused',
  async (name) => {
    await expect(load(name)).rejects.toMatchObject({ type: 'BadInput', code: 'plan.outside' });
  },
);

test('an absolute path is refused', async () => {
  await expect(load(path.join(directory, 'secret.yaml'))).rejects.toMatchObject({ code: 'plan.outside' });
});

test.each(['nothing', '', 'shop', 'a\0b'])('a plan that is not there is named (%j)', async (name) => {
  await expect(load(name)).rejects.toMatchObject({ type: 'BadInput', code: 'plan.not-found' });
});

test('where a plan is not there the error lists those that are', async () => {
  await expect(load('shpo')).rejects.toMatchObject({ remedy: expect.stringMatching(/there: .*testapp/) });
});

test('a file that can not be read is named', async () => {
  await mkdir(path.join(plans, 'folder.yaml'));
  await expect(load('folder')).rejects.toMatchObject({
    type: 'BadInput',
    code: 'plan.unreadable',
    message: 'the plan folder.yaml can not be read (EISDIR)',
  });
});

test('without a directory of plans the error says what to set', async () => {
  await expect(loadPlan('testapp', {})).rejects.toMatchObject({
    code: 'plan.no-directory',
    remedy: expect.stringContaining('REKEY_PLANS'),
  });
  await expect(loadPlan('testapp', { REKEY_PLANS: path.join(directory, 'no') })).rejects.toMatchObject({
    code: 'plan.no-directory',
  });
});

test('a variable is filled in when it is used, and one that the worker lacks is named, without any value', () => {
  expect(fillVariables('${A}/login/${B_1}', { A: 'http://x', B_1: '$&' })).toBe('http://x/login/$&');
  expect(() => fillVariables('${A}/${NOT_SET}', { A: 's3cret' })).toThrow(
    expect.objectContaining({
      code: 'plan.unknown-variable',
      message: expect.not.stringContaining('s3cret'),
    }),
  );
});
