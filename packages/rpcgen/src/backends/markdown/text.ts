/** Pieces of Markdown: text that stays text whatever it holds, and tables. */

/** Escapes what Markdown or HTML would take as markup. A `_` inside a word is none. */
export function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\`*[\]|~]|(?<!\w)_|_(?!\w)/g, (mark) => `\\${mark}`);
}

/** Gives a text as code in one line, whatever backticks it holds. */
export function code(raw: string): string {
  const text = raw.replace(/\s+/g, ' ');
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const space = longest > 0 ? ' ' : '';
  return `${fence}${space}${text}${space}${fence}`;
}

/** Gives documentation as paragraphs. Lines that would begin a list or another block are kept as text. */
export function paragraphs(docs: string): string {
  return docs
    .split('\n')
    .map((line) =>
      escapeText(line.trim())
        .replace(/^([-+>=#])/, '\\$1')
        .replace(/^(\d+)([.)])/, '$1\\$2'),
    )
    .join('\n')
    .replace(/\n{3,}/g, '\n\n');
}

/** Gives documentation in one line, for a table. */
export function inline(docs: string): string {
  return escapeText(docs.replace(/\s+/g, ' ').trim());
}

/** Gives a table; cells are Markdown, and a `|` in code is escaped here. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replace(/(?<!\\)\|/g, '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
