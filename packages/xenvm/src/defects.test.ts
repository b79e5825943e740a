import { expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const SOURCES = import.meta.dirname;
const DOCUMENT = path.resolve(SOURCES, '../../../docs/xenvm-defects.md');
const COUNT = 58;

/** Cells of the lines of a table that begin with a defect. */
async function readRows(): Promise<readonly { readonly defects: string; readonly now: string }[]> {
  const text = await readFile(DOCUMENT, 'utf8');
  return [...text.matchAll(/^\| (?<defects>D[\dD, ]+?) *\|[^|]*\| (?<now>.*?) *\|$/gm)].map(
    ({ groups }) => ({ defects: groups?.['defects'] ?? '', now: groups?.['now'] ?? '' }),
  );
}

test('every defect of the old monitor has one line', async () => {
  const numbers = (await readRows()).flatMap(({ defects }) =>
    defects.split(', ').map((name) => Number(name.slice(1))),
  );
  expect(numbers.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: COUNT }, (_, index) => index + 1),
  );
});

test('every line names tests that are there, or says why there is none', async () => {
  for (const { defects, now } of await readRows()) {
    const cited = [
      ...now.matchAll(
        /`(?<file>[\w./-]+\.ts)` (?<names>"(?:[^"\\]|\\.)*"(?:, "(?:[^"\\]|\\.)*")*)/g,
      ),
    ];
    expect([defects, cited.length > 0 || now.startsWith('cannot occur')]).toEqual([defects, true]);
    for (const { groups } of cited) {
      const source = await readFile(path.join(SOURCES, groups?.['file'] ?? ''), 'utf8');
      for (const [, name] of (groups?.['names'] ?? '').matchAll(/"((?:[^"\\]|\\.)*)"/g)) {
        const wanted = name?.replaceAll('\\"', '"') ?? '';
        expect([defects, wanted, source.includes(wanted)]).toEqual([defects, wanted, true]);
      }
    }
  }
});
