/** A table as lines: every column right-aligned to its widest cell, joined with ` | `. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows].map((row) =>
    row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(' | '),
  );
}
