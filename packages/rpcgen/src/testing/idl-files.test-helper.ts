/** The descriptions that tests work on. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Document } from '../model/model.ts';
import { renderProblem } from '../model/problem.ts';
import { parseIdl } from '../parse/idl-parser.ts';

/** The folder of the interfaces of the toolstack. */
export const IDL_FOLDER: string = fileURLToPath(new URL('../../../../idl', import.meta.url));

/** The folder of the descriptions that are only for tests. */
export const TESTING_FOLDER: string = fileURLToPath(new URL('.', import.meta.url));

/** The files of `idl/`. */
export function idlFiles(): readonly string[] {
  return readdirSync(IDL_FOLDER)
    .filter((name) => name.endsWith('.xml'))
    .toSorted()
    .map((name) => path.join(IDL_FOLDER, name));
}

/** `toaster.xml` (small and tidy) or `torture.xml` (everything a generator can stumble over). */
export function testingFile(name: 'toaster.xml' | 'torture.xml'): string {
  return path.join(TESTING_FOLDER, name);
}

/** Parses a file that must be valid. */
export function parseFile(file: string): Document {
  return parseText(readFileSync(file, 'utf8'), path.basename(file));
}

/** Parses a text that must be valid. */
export function parseText(text: string, file = 'test.xml'): Document {
  const { document, problems } = parseIdl({ file, text });
  if (document === undefined) throw new Error(problems.map(renderProblem).join('\n'));
  return document;
}
