// One lint configuration for the workspace. What it enforces beyond types: the table of imports between
// packages in docs/architecture.md, and that effects stay at the edges of each package.
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Which layer may import which; docs/architecture.md has the reasons. */
const boundaries = [
  { sourceTag: 'layer:core', onlyDependOnLibsWithTags: [] },
  { sourceTag: 'layer:native', onlyDependOnLibsWithTags: ['layer:core'] },
  { sourceTag: 'layer:sim', onlyDependOnLibsWithTags: ['layer:core'] },
  { sourceTag: 'layer:rpcgen', onlyDependOnLibsWithTags: [] },
  { sourceTag: 'layer:xenvm', onlyDependOnLibsWithTags: ['layer:core', 'layer:rpcgen'] },
  { sourceTag: 'layer:xenmgr', onlyDependOnLibsWithTags: ['layer:core', 'layer:rpcgen'] },
  {
    sourceTag: 'layer:cli',
    onlyDependOnLibsWithTags: ['layer:core', 'layer:rpcgen', 'layer:xenvm', 'layer:xenmgr'],
  },
  { sourceTag: 'layer:tool', onlyDependOnLibsWithTags: ['layer:tool', 'layer:core', 'layer:cli'] },
];

const timeAndChance = ['Date', 'setTimeout', 'setInterval', 'performance'].map((name) => ({
  name,
  message:
    'Time comes from HostServices (host/) or the simulator (time/), so that tests can turn it.',
}));

export default tseslint.config(
  {
    ignores: ['**/dist/**', '**/build/**', '**/node_modules/**', '**/generated/**', '**/golden/**'],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked, prettier],
    plugins: { '@nx': nx },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        { allow: [], depConstraints: boundaries, enforceBuildableLibDependency: false },
      ],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { varsIgnorePattern: '^_', argsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-extraneous-class': 'off',
      // An obligation of an asynchronous interface is often met without waiting for anything.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/dot-notation': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: ['**/host/**', '**/time/**', '**/*.test.ts', '**/*.lab.ts', '**/bin/**', '**/main.ts'],
    rules: { 'no-restricted-globals': ['error', ...timeAndChance] },
  },
  {
    files: ['**/wire/**/*.ts', '**/memory/**/*.ts', '**/*-codec.ts', '**/parse/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['node:*'], message: 'Pure module: bytes and values in, values out.' },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.lab.ts', '**/*.lab-helper.ts'],
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          allow: [],
          depConstraints: boundaries.map(({ sourceTag, onlyDependOnLibsWithTags }) => ({
            sourceTag,
            onlyDependOnLibsWithTags: [...onlyDependOnLibsWithTags, 'layer:tool'],
          })),
          enforceBuildableLibDependency: false,
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts', '**/*.lab.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe'], package: 'node:test' },
          ],
        },
      ],
    },
  },
);
