/** What docs/guides/changing-the-idl.md promises, done on a copy of an interface. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { typescript } from './backends/typescript/backend.ts';
import { compile } from './backends/typescript/compile.test-helper.ts';
import { diffDocuments } from './diff/diff-documents.ts';
import { IDL_FOLDER, parseText } from './testing/idl-files.test-helper.ts';

const GUIDE = readFileSync(path.join(IDL_FOLDER, '../docs/guides/changing-the-idl.md'), 'utf8');
const before = readFileSync(path.join(IDL_FOLDER, 'vm_nic.xml'), 'utf8');

/** The snippet of the guide in this language. */
function snippet(language: string): string {
  const text = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(GUIDE)?.[1];
  if (text === undefined) throw new Error(`The guide has no ${language} snippet`);
  return text;
}

function bindings(xml: string): string {
  const [file] = typescript.generate(parseText(xml, 'vm_nic.xml'), {
    objectName: 'vm_nic',
    sides: ['client', 'server'],
    modulePrefix: '',
    header: ['Generated.'],
  });
  return file?.text ?? '';
}

const after = before.replace('</interface>', `${snippet('xml')}</interface>`);

/** A server that has what was there before, and `more`. */
const server = (more: string): string => `
import type { ComCitrixXenclientVmnicHandlers as Handlers } from './vm_nic.ts';
declare const old: Handlers;
declare const nic: { reset(delayMs: number): Promise<void>; readonly speedMbit: number };
type Old<T, New extends string> = Omit<T, New>;
const methods: Old<Handlers['methods'], 'reset'> = old.methods;
const properties: Old<Handlers['properties'], 'speed'> = old.properties;
const added = { ${more} };
export const handlers: Handlers = {
  methods: { ...methods, ...added.methods },
  properties: { ...properties, ...added.properties },
};
void nic;
`;

test('the addition is no break for clients', () => {
  const changes = diffDocuments({ before: parseText(before), after: parseText(after) });
  expect(changes.map((change) => change.class)).toEqual(['addition', 'addition']);
});

test('a server without the additions no longer compiles, and says which', () => {
  const problems = compile({
    'vm_nic.ts': bindings(after),
    'server.ts': server('methods: {}, properties: {}'),
  });
  expect(problems.join('\n')).toContain("Property 'reset' is missing");
  expect(problems.join('\n')).toContain("Property 'speed' is missing");
});

test('with the snippet of the guide it compiles', () => {
  const snippetText = snippet('ts').replace('async reset(delayMs)', 'async reset(delayMs: number)');
  expect(compile({ 'vm_nic.ts': bindings(after), 'server.ts': server(snippetText) })).toEqual([]);
});
