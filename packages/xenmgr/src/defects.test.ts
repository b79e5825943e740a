import { expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const SOURCES = import.meta.dirname;
const DOCUMENT = path.resolve(SOURCES, '../../../docs/xenmgr-defects.md');
/** How many there are of each kind. */
const COUNTS = { L: 27, S: 22, H: 19, D: 14, X: 2, P: 6 };

/** Cells of the lines of a table that begin with a defect. */
async function readRows(): Promise<readonly { readonly defects: string; readonly now: string }[]> {
  const text = await readFile(DOCUMENT, 'utf8');
  const rows = text.matchAll(
    /^\| (?<defects>[LSHDXP]\d[LSHDXP\d, ]*?) *\|[^|]*\| (?<now>.*?) *\|$/gm,
  );
  return [...rows].map(({ groups }) => ({
    defects: groups?.['defects'] ?? '',
    now: groups?.['now'] ?? '',
  }));
}

test('every defect of the old service has one line', async () => {
  const named = (await readRows()).flatMap(({ defects }) => defects.split(', '));
  const expected = Object.entries(COUNTS).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, at) => `${kind}${String(at + 1)}`),
  );
  expect(named.toSorted()).toEqual(expected.toSorted());
});

test('every line names tests that are there, or says why there is none', async () => {
  for (const { defects, now } of await readRows()) {
    const cited = [
      ...now.matchAll(
        /`(?<file>[\w./-]+\.ts)` (?<names>"(?:[^"\\]|\\.)*"(?:, "(?:[^"\\]|\\.)*")*)/g,
      ),
    ];
    const isReasoned = /^(cannot occur|taken knowingly)/.test(now);
    expect([defects, cited.length > 0 || isReasoned]).toEqual([defects, true]);
    for (const { groups } of cited) {
      const source = await readFile(path.join(SOURCES, groups?.['file'] ?? ''), 'utf8');
      for (const [, name] of (groups?.['names'] ?? '').matchAll(/"((?:[^"\\]|\\.)*)"/g)) {
        const wanted = name?.replaceAll('\\"', '"') ?? '';
        expect([defects, wanted, source.includes(wanted)]).toEqual([defects, wanted, true]);
      }
    }
  }
});
