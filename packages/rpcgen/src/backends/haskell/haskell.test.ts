/** Generated Haskell: golden files always; the compiler and calls in both directions only where everything must run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { expectGolden } from '../../testing/golden.test-helper.ts';
import {
  idlFiles,
  parseFile,
  parseText,
  testingFile,
} from '../../testing/idl-files.test-helper.ts';
import { describeRelay, RELAY_PATH } from '../../testing/relay-suite.test-helper.ts';
import { temporaryFolder } from '../../testing/temporary-folder.test-helper.ts';
import { describeWith, runTool, whyMissing } from '../../testing/toolchain.test-helper.ts';
import { haskell } from './backend.ts';
import { printRelay } from './relay.test-helper.ts';

const folder = fileURLToPath(new URL('golden', import.meta.url));
const missing =
  process.env['XENOPS_TEST_LONG'] === '1'
    ? whyMissing('ghc libghc-dbus-dev', 'ghc', '-e', ':module DBus.Client')
    : { leftOut: 'Haskell is compiled and called by npm run test:all only' };

/** Compiles without optimising: what is asked is whether it compiles. */
const GHC = ['--make', '-O0', '-v0', '-Wall', '-Werror'];

function write(into: string, file: string, modulePrefix = ''): readonly string[] {
  const files = haskell.generate(parseFile(file), {
    objectName: path.parse(file).name,
    sides: ['client', 'server'],
    modulePrefix,
    header: ['Generated.'],
  });
  const target = path.join(into, modulePrefix.replaceAll('.', '/'));
  mkdirSync(target, { recursive: true });
  for (const { path: name, text } of files) writeFileSync(path.join(target, name), text);
  return files.map(({ path: name }) => path.join(target, name));
}

test('the Haskell backend makes the golden files of toaster.xml', () => {
  const files = expectGolden(haskell, {
    folder,
    input: 'toaster.xml',
    modulePrefix: 'Rpc.Autogen',
  });
  expect(files.map(({ path: name }) => name)).toEqual([
    'ToasterClient.hs',
    'ToasterServer.hs',
    'ToasterNotify.hs',
    'ToasterConst.hs',
    'RpcgenDbus.hs',
  ]);
});

test('a struct that is too large for a tuple is refused', () => {
  const arg = `<arg type="(${'y'.repeat(16)})"/>`;
  const document = parseText(
    `<node><interface name="a.b"><method name="m">${arg}</method></interface></node>`,
  );
  const options = { objectName: 'x', sides: ['client'], modulePrefix: '', header: [] } as const;
  expect(() => haskell.generate(document, options)).toThrow('at most 15 fields');
});

describeWith(missing)('generated Haskell compiles without a warning', () => {
  test.each([...idlFiles(), testingFile('toaster.xml')])(
    '%s',
    async (file) => {
      using work = temporaryFolder();
      await runTool('ghc', [...GHC, ...write(work.path, file, 'Rpc.Autogen')], { cwd: work.path });
    },
    400_000,
  );
});

describeRelay({
  language: 'Haskell',
  missing,
  passesDescriptors: false,
  prepare: async (cwd) => {
    write(cwd, testingFile('torture.xml'));
    writeFileSync(
      path.join(cwd, 'Main.hs'),
      printRelay(parseFile(testingFile('torture.xml')), RELAY_PATH),
    );
    await runTool('ghc', ['--make', '-O0', '-v0', '-o', 'relay', 'Main.hs'], { cwd });
    return { program: path.join(cwd, 'relay'), args: [] };
  },
});
