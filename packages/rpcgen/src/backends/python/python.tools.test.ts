/** Generated Python: golden files, what the compiler and the type checker say, and calls in both directions. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { expectGolden } from '../../testing/golden.test-helper.ts';
import { idlFiles, parseFile, testingFile } from '../../testing/idl-files.test-helper.ts';
import { describeRelay } from '../../testing/relay-suite.test-helper.ts';
import { temporaryFolder } from '../../testing/temporary-folder.test-helper.ts';
import { describeWith, runTool, whyMissing } from '../../testing/toolchain.test-helper.ts';
import { python } from './backend.ts';
import { RELAY } from './relay.test-helper.ts';
import { docstring } from './text.ts';

const folder = fileURLToPath(new URL('golden', import.meta.url));
/** Debian's Python, which is where Debian's python3-dbus is. */
const PYTHON = '/usr/bin/python3';
const missing = whyMissing('python3-dbus python3-gi', PYTHON, '-c', 'import dbus, gi');
const withoutMypy = whyMissing('mypy', '/usr/bin/mypy', '--version');

function write(into: string, file: string): readonly string[] {
  const files = python.generate(parseFile(file), {
    objectName: path.parse(file).name,
    sides: ['client', 'server'],
    modulePrefix: '',
    header: ['Generated.'],
  });
  for (const { path: name, text } of files) writeFileSync(path.join(into, name), text);
  return files.map(({ path: name }) => name);
}

test('the Python backend makes the golden files of toaster.xml', () => {
  expect(expectGolden(python, { folder, input: 'toaster.xml' })).toHaveLength(4);
});

test('docstrings end where they should', () => {
  expect(docstring(['a """ \\', 'b"'])).toEqual(['"""a \\"\\"\\" \\\\', 'b"', '"""']);
});

const ALL = [...idlFiles(), testingFile('toaster.xml'), testingFile('torture.xml')];

describeWith(whyMissing('python3', PYTHON, '--version'))('generated Python', () => {
  test.each(ALL)('compiles: %s', async (file) => {
    using work = temporaryFolder();
    const args = ['-W', 'error', '-m', 'py_compile', ...write(work.path, file)];
    await runTool(PYTHON, args, { cwd: work.path });
  });
});

describe('hints', () => {
  describeWith(withoutMypy)('of all documents', () => {
    test('satisfy the type checker', async () => {
      using work = temporaryFolder();
      const files = ALL.flatMap((file) => write(work.path, file));
      const flags = ['--check-untyped-defs', '--ignore-missing-imports', '--no-error-summary'];
      const args = [...flags, '--cache-dir', '.cache', ...new Set(files)];
      expect(await runTool('/usr/bin/mypy', args, { cwd: work.path })).toBe('');
    }, 240_000);
  });
});

describeRelay({
  language: 'Python',
  missing,
  passesDescriptors: true,
  prepare: async (cwd) => {
    write(cwd, testingFile('torture.xml'));
    const program = path.join(cwd, 'relay.py');
    writeFileSync(program, RELAY);
    return Promise.resolve({ program: PYTHON, args: [program] });
  },
});
