/**
 * One project: every test may need servers, and gets them through test/servers.ts, which shares them over the run.
 * Four workers on two cores: tests wait for servers more than they compute. Of 1,400 tests three workers take 16:02, four
 * 13:55.
 */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  globalSetup: '<rootDir>/test/setup/global-setup.js',
  globalTeardown: '<rootDir>/test/setup/global-teardown.js',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // the sources import './x.js', as the built program needs it; here that is x.ts
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.rekey'],
  maxWorkers: 4,
  testSequencer: '<rootDir>/test/setup/longest-first.js',
  testTimeout: 60000,
};
