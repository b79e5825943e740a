/** Generated C: golden files, what the compiler says, and calls in both directions. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import type { Document } from '../../model/model.ts';
import { expectGolden } from '../../testing/golden.test-helper.ts';
import { idlFiles, parseFile, testingFile } from '../../testing/idl-files.test-helper.ts';
import { describeRelay, RELAY_PATH } from '../../testing/relay-suite.test-helper.ts';
import { temporaryFolder } from '../../testing/temporary-folder.test-helper.ts';
import { describeWith, runTool, whyMissing } from '../../testing/toolchain.test-helper.ts';
import { c } from './backend.ts';
import { printRelay } from './relay.test-helper.ts';
import { comment, enumLiteral, quoted } from './text.ts';

const folder = fileURLToPath(new URL('golden', import.meta.url));
const missing =
  whyMissing('gcc', 'gcc', '--version') ??
  whyMissing('libsystemd-dev', 'sh', '-c', 'echo "#include <systemd/sd-bus.h>" | gcc -E -');
const FLAGS = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror'];

/** Writes everything that a document gives, and tells the names of the C files. */
function write(into: string, document: Document, objectName: string): readonly string[] {
  const options = { objectName, sides: ['client', 'server'], modulePrefix: '' } as const;
  const files = c.generate(document, { ...options, header: ['Generated.'] });
  for (const { path: name, text } of files) writeFileSync(path.join(into, name), text);
  return files.map(({ path: name }) => name).filter((name) => name.endsWith('.c'));
}

test('the C backend makes the golden files of toaster.xml', () => {
  expect(expectGolden(c, { folder, input: 'toaster.xml' })).toHaveLength(7);
});

describe('pieces of C', () => {
  test('strings hold anything', () => {
    expect(quoted('a"b\\ü??/\n1')).toBe('"a\\"b\\\\\\303\\274\\077\\077/\\0121"');
  });

  test('comments end where they should', () => {
    expect(comment(['a */ /* b'])).toEqual(['/* a * / / * b */']);
  });

  test('the least integers are written without overflow', () => {
    const one = (code: 'i' | 'x', value: string): string =>
      enumLiteral({ code } as never, { value } as never);
    expect(one('i', '-2147483648')).toBe('(-INT32_C(2147483647) - 1)');
    expect(one('x', '-1')).toBe('(-INT64_C(1))');
  });
});

describeWith(missing)('generated C compiles without a warning', () => {
  test.each([...idlFiles(), testingFile('toaster.xml'), testingFile('torture.xml')])(
    '%s',
    async (file) => {
      using work = temporaryFolder();
      const sources = write(work.path, parseFile(file), path.parse(file).name);
      await runTool('gcc', [...FLAGS, '-fsyntax-only', ...sources], { cwd: work.path });
    },
    120_000,
  );
});

describeRelay({
  language: 'C',
  missing,
  passesDescriptors: true,
  prepare: async (cwd) => {
    const document = parseFile(testingFile('torture.xml'));
    const sources = write(cwd, document, 'torture');
    writeFileSync(path.join(cwd, 'relay.c'), printRelay(document, RELAY_PATH));
    // The sanitizers stop the program at the first leak of bounds or undefined step.
    const checks = ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
    const args = [...FLAGS, ...checks, '-o', 'relay', 'relay.c', ...sources, '-lsystemd'];
    await runTool('gcc', args, { cwd });
    return { program: path.join(cwd, 'relay'), args: [] };
  },
});
