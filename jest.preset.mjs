import { fileURLToPath } from 'node:url';

// One jest configuration for every package: ESM TypeScript, types stripped by swc (types are checked by the build).
// Imports of our own packages resolve to their sources through the `@xenops/source` export condition.
/** @param {{ name: string, lab?: boolean, overrides?: object }} options */
export function jestConfig({ name, lab = false, overrides = {} }) {
  return {
    displayName: name,
    testEnvironment: fileURLToPath(new URL('tools/setup/jest-environment.mjs', import.meta.url)),
    testEnvironmentOptions: {
      customExportConditions: ['@xenops/source', 'node', 'node-addons'],
    },
    extensionsToTreatAsEsm: ['.ts'],
    // A machine may be slow; a test that takes longer hangs.
    testTimeout: 30_000,
    ...(lab
      ? {
          reporters: [
            'default',
            fileURLToPath(new URL('tools/setup/lab-reporter.mjs', import.meta.url)),
          ],
        }
      : {}),
    testMatch: lab ? ['<rootDir>/**/*.lab.ts'] : ['<rootDir>/**/*.test.ts'],
    testPathIgnorePatterns: [
      '/node_modules/',
      '/dist/',
      '/build/',
      // An hour of emulation: `npm run test:all` runs them.
      ...(process.env.XENOPS_TEST_LONG === '1' ? [] : ['\\.long\\.lab\\.ts$']),
      // Whole programs beside each other: `npm test` runs them, and so does jest in the package's folder.
      ...(process.env.XENOPS_TEST_UNIT === '1' ? ['\\.(system|tools)\\.test\\.ts$'] : []),
    ],
    modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build/'],
    transform: {
      '^.+\\.ts$': [
        '@swc/jest',
        {
          jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
          module: { type: 'es6' },
          sourceMaps: 'inline',
        },
      ],
    },
    ...overrides,
  };
}
