/** Where something stands in a source file. */
export interface Position {
  /** The file's name as it was given to the parser. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 code units. */
  readonly column: number;
}

/** Gives `file:line:column`, the form that editors and compilers agree on. */
export function renderPosition({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}
