/** Markdown tables, and the page that has one. Pure, but for reading and writing the page. */
import { readFile, writeFile } from 'node:fs/promises';

/** What a page has round the figures that a benchmark puts there. */
const MARKS = { begin: '<!-- figures -->', end: '<!-- end of figures -->' } as const;

/** The lines of a table whose first row is its head, with columns as wide as prettier makes them. */
export function markdownTable(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const padded = rows.map((row) => line(widths.map((width, at) => (row[at] ?? '').padEnd(width))));
  return [
    ...padded.slice(0, 1),
    line(widths.map((width) => '-'.repeat(width))),
    ...padded.slice(1),
  ];
}

/** The page with other figures between its marks. Throws when it has none. */
export function withFigures(page: string, figures: string): string {
  const [begin, end] = [page.indexOf(MARKS.begin), page.indexOf(MARKS.end)];
  if (begin < 0 || end < begin) {
    throw new Error(`The page has no place for figures: "${MARKS.begin}", later "${MARKS.end}"`);
  }
  const before = page.slice(0, begin + MARKS.begin.length);
  return `${before}\n\n${figures.trim()}\n\n${page.slice(end)}`;
}

/** Puts figures into the page at that path, in place of those that are there. */
export async function writeFigures(path: string, figures: string): Promise<void> {
  await writeFile(path, withFigures(await readFile(path, 'utf8'), figures));
}
