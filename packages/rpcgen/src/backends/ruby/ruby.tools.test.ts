/** Generated Ruby: golden files, what the compiler says, and calls in both directions. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { expectGolden } from '../../testing/golden.test-helper.ts';
import { idlFiles, parseFile, testingFile } from '../../testing/idl-files.test-helper.ts';
import { describeRelay } from '../../testing/relay-suite.test-helper.ts';
import { temporaryFolder } from '../../testing/temporary-folder.test-helper.ts';
import { describeWith, runTool, whyMissing } from '../../testing/toolchain.test-helper.ts';
import { ruby } from './backend.ts';
import { quoted } from './print.ts';
import { RELAY } from './relay.test-helper.ts';

const folder = fileURLToPath(new URL('golden', import.meta.url));
/** Debian's Ruby, which is where Debian's ruby-dbus is. */
const RUBY = '/usr/bin/ruby';

function write(into: string, file: string): readonly string[] {
  const files = ruby.generate(parseFile(file), {
    objectName: path.parse(file).name,
    sides: ['client', 'server'],
    modulePrefix: '',
    header: ['Generated.'],
  });
  for (const { path: name, text } of files) writeFileSync(path.join(into, name), text);
  return files.map(({ path: name }) => name);
}

test('the Ruby backend makes the golden files of toaster.xml', () => {
  expect(expectGolden(ruby, { folder, input: 'toaster.xml' })).toHaveLength(4);
});

test('strings interpolate nothing', () => {
  expect(quoted('#{x} #$y "\\')).toBe('"\\#{x} \\#$y \\"\\\\"');
});

describeWith(whyMissing('ruby', RUBY, '--version'))('generated Ruby', () => {
  test.each([...idlFiles(), testingFile('toaster.xml'), testingFile('torture.xml')])(
    'is taken without a warning: %s',
    async (file) => {
      using work = temporaryFolder();
      for (const name of write(work.path, file)) {
        expect(await runTool(RUBY, ['-wc', name], { cwd: work.path })).toBe('Syntax OK\n');
      }
    },
    60_000,
  );
});

describeRelay({
  language: 'Ruby',
  missing: whyMissing('ruby-dbus', RUBY, '-e', 'require "dbus"'),
  passesDescriptors: false,
  prepare: async (cwd) => {
    write(cwd, testingFile('torture.xml'));
    const program = path.join(cwd, 'relay.rb');
    writeFileSync(program, RELAY);
    return Promise.resolve({ program: RUBY, args: [program] });
  },
});
