import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LabError } from './errors.ts';
import {
  findWorkspace,
  listWorkspace,
  parsePackageJson,
  readWorkspacePackages,
} from './workspace-files.ts';

describe('a workspace', () => {
  let workspace: string;

  beforeAll(() => {
    workspace = mkdtempSync(path.join(os.tmpdir(), 'xenlab-test-'));
    const files: Record<string, unknown> = {
      'package.json': { workspaces: ['packages/*', 'tools/bench'] },
      'packages/app/package.json': {
        name: '@x/app',
        bin: { app: 'bin/app.js' },
        files: ['bin', 'dist', 'README.md'],
        dependencies: { '@x/lib': '1', left: '1', 'cmake-js': '1', unwanted: '1' },
        xenlab: { exclude: ['unwanted'] },
      },
      'packages/app/bin/app.js': '',
      'packages/app/dist/app.js': '',
      'packages/app/dist/app.d.ts': '',
      'packages/app/src/app.ts': '',
      'packages/lib/package.json': {
        name: '@x/lib',
        files: ['dist'],
        devDependencies: { never: '1' },
      },
      'packages/lib/dist/lib.js': '',
      'tools/bench/package.json': { name: '@x/bench', dependencies: { xenlab: '1' } },
      'node_modules/left/package.json': { name: 'left', dependencies: { right: '1' } },
      'node_modules/left/node_modules/right/package.json': { name: 'right' },
      'node_modules/left/node_modules/right/index.js': '',
      'node_modules/cmake-js/package.json': { name: 'cmake-js' },
      'node_modules/unwanted/package.json': { name: 'unwanted' },
      'node_modules/never/package.json': { name: 'never' },
    };
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(workspace, file)), { recursive: true });
      writeFileSync(path.join(workspace, file), JSON.stringify(content));
    }
    mkdirSync(path.join(workspace, 'node_modules/@x'));
    symlinkSync('../../packages/lib', path.join(workspace, 'node_modules/@x/lib'));
  });
  afterAll(() => {
    rmSync(workspace, { recursive: true });
  });

  test('what drives the lab from outside stays outside', () => {
    const names = readWorkspacePackages(workspace).map(({ packageJson }) => packageJson.name);
    expect(names.sort()).toEqual(['@x/app', '@x/lib']);
  });

  test('built files and run-time dependencies go along, sources and build tools do not', () => {
    const { files, commands } = listWorkspace(workspace, readWorkspacePackages(workspace));
    expect(files.map((file) => file.path).sort()).toEqual([
      'node_modules/@x/lib',
      'node_modules/left/node_modules/right/index.js',
      'node_modules/left/node_modules/right/package.json',
      'node_modules/left/package.json',
      'package.json',
      'packages/app/bin/app.js',
      'packages/app/dist/app.js',
      'packages/app/package.json',
      'packages/lib/dist/lib.js',
      'packages/lib/package.json',
    ]);
    expect([...commands]).toEqual([['app', 'packages/app/bin/app.js']]);
  });

  test('it is found from a folder inside it, and missed outside', () => {
    expect(findWorkspace(path.join(workspace, 'packages/app/src'))).toBe(workspace);
    expect(() => findWorkspace('/')).toThrow(LabError);
  });
});

test('a bin that is a string is a command of the package name', () => {
  expect(parsePackageJson({ name: '@x/tool', bin: 'cli.js' }).bin).toEqual({ tool: 'cli.js' });
});
