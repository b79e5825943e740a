import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { idlFiles, parseFile, testingFile } from '../../testing/idl-files.test-helper.ts';
import { javascript } from '../javascript/backend.ts';
import { typescript } from './backend.ts';
import { compile } from './compile.test-helper.ts';
import { TORTURE_OPTIONS } from './torture.test-helper.ts';

const document = parseFile(testingFile('torture.xml'));

describe.each([typescript, javascript])('the $name backend', (backend) => {
  const files = backend.generate(document, TORTURE_OPTIONS);

  test('generates what the golden files say', () => {
    const folder = path.resolve(import.meta.dirname, '..', backend.name, 'golden');
    for (const { path: name, text } of files) {
      const golden = path.join(folder, name);
      if (process.env['UPDATE_GOLDEN'] === '1') {
        mkdirSync(folder, { recursive: true });
        writeFileSync(golden, text);
      }
      expect(text).toBe(readFileSync(golden, 'utf8'));
    }
  });

  test('generates code that the strict compiler takes, for each side and for both', () => {
    const texts: Record<string, string> = {};
    for (const sides of [['client'], ['server'], ['client', 'server']] as const) {
      for (const { path: name, text } of backend.generate(document, {
        ...TORTURE_OPTIONS,
        sides,
      })) {
        texts[`${sides.join('-')}-${name}`] = text;
      }
    }
    expect(compile(texts)).toEqual([]);
  });

  test('says nothing but the run-time in its imports', () => {
    for (const { text } of files) {
      expect(text.match(/^import .*$/gm)).toEqual([
        "import * as rt from '@xenops/rpcgen/runtime';",
      ]);
    }
  });
});

test('what the interfaces of this project give compiles', () => {
  const texts: Record<string, string> = {};
  for (const file of idlFiles()) {
    const objectName = path.basename(file, '.xml');
    const options = { ...TORTURE_OPTIONS, objectName };
    const idl = parseFile(file);
    for (const backend of [typescript, javascript]) {
      for (const { path: name, text } of backend.generate(idl, options)) {
        texts[`${backend.name}-${name}`] = text;
      }
    }
  }
  expect(Object.keys(texts).length).toBeGreaterThan(3);
  expect(compile(texts)).toEqual([]);
}, 60_000);

test('wrong uses of the generated types do not compile', () => {
  const [file] = typescript.generate(document, TORTURE_OPTIONS);
  const uses: readonly (readonly [string, boolean])[] = [
    [`return types.echo_t(1n, { timeoutMs: 10 });`, true],
    [`return types.echo_t(1);`, false],
    [`return types.properties.get('prop-t');`, true],
    [`return types.properties.get('prop_t');`, false],
    [`return types.properties.set('prop-u', 4);`, true],
    [`return types.properties.set('prop-u', '4');`, false],
    [`return names.properties.get('write-only');`, false],
    [`return names.properties.set('slot_count', 1);`, false],
    [`return torture.properties.set('slots', 1);`, false],
    [`const done: string = await torture.properties.get('doneness'); return done;`, true],
    [`return types.signals.on('plain', () => undefined);`, true],
    [`return types.signals.on('absent', () => undefined);`, false],
  ];
  const bodies = uses.map(
    ([body], index) => `export async function use${index}(): Promise<unknown> { ${body} }`,
  );
  const text = `
    import type { OrgExampleTortureClient, OrgExampleTortureNamesClient, OrgExampleTortureTypesClient } from './torture.ts';
    declare const types: OrgExampleTortureTypesClient;
    declare const names: OrgExampleTortureNamesClient;
    declare const torture: OrgExampleTortureClient;\n${bodies.join('\n')}`;
  const problems = compile({ 'torture.ts': file?.text ?? '', 'use.ts': text });
  const refused = uses.map((_, index) =>
    problems.some((one) => one.startsWith(`use.ts:${index + 6}:`)),
  );
  expect(refused).toEqual(uses.map(([, isRight]) => !isRight));
}, 60_000);
