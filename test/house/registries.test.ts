import { projectFiles, textOf } from './tracked.js';

test('no file of the project names the host of a package registry', () => {
  // put together here, so that this file does not name them itself
  const hosts = [
    ['registry', 'npmjs', 'org'],
    ['registry', 'yarnpkg', 'com'],
    ['pypi', 'org'],
    ['files', 'pythonhosted', 'org'],
    ['deb', 'debian', 'org'],
  ].map((parts) => parts.join('.'));
  const named = projectFiles()
    .filter((path) => !/\.(png|gz|bin|dump)$/.test(path))
    .filter((path) => hosts.some((host) => textOf(path).includes(host)));
  expect(named).toEqual([]);
});

test('the lock file says of no package from where it was fetched', () => {
  expect(textOf('package-lock.json')).not.toMatch(/"resolved"/);
});
