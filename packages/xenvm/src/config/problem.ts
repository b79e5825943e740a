/** What is wrong with a configuration, and how bad that is. */

export type ProblemKind =
  /** No row of the table has that name. */
  | 'unknown-key'
  /** A line without `=`, or without a key. */
  | 'malformed-line'
  | 'bad-value'
  /** A key is needed and absent. */
  | 'missing-key'
  /** Two keys, or two devices, contradict each other. */
  | 'conflict'
  /** A key with one value stands there twice; the last one counts. */
  | 'repeated-key'
  /** The line is fine and changes nothing. */
  | 'no-effect';

/**
 * How kinds weigh. An error means that the VM would not be what its file says, and refuses the file; a warning refuses it only
 * under `--strict-config`.
 */
const SEVERITY = {
  'unknown-key': 'warning',
  'malformed-line': 'error',
  'bad-value': 'error',
  'missing-key': 'error',
  conflict: 'error',
  'repeated-key': 'warning',
  'no-effect': 'warning',
} as const satisfies Record<ProblemKind, 'error' | 'warning'>;

export interface ConfigProblem {
  readonly kind: ProblemKind;
  readonly severity: 'error' | 'warning';
  /** Counted from 1; 0 when it is about the file as a whole. */
  readonly line: number;
  /** Counted from 1; 0 with line 0. */
  readonly column: number;
  /** The key; the first word of the line when it has none. */
  readonly key: string;
  /** What is wrong and what would be right. Never a secret. */
  readonly message: string;
}

/** Where in the file. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export const WHOLE_FILE: Position = { line: 0, column: 0 };

export function problem(
  kind: ProblemKind,
  at: Position,
  { key, message }: Pick<ConfigProblem, 'key' | 'message'>,
): ConfigProblem {
  return { kind, severity: SEVERITY[kind], line: at.line, column: at.column, key, message };
}

/** What a file's problems stop: `strict` all of them (`--strict-config`), `normal` errors, `lenient` none, as once was. */
export type Strictness = 'strict' | 'normal' | 'lenient';

/** The problems that refuse the file. */
export function refusing(
  problems: readonly ConfigProblem[],
  strictness: Strictness,
): readonly ConfigProblem[] {
  if (strictness === 'lenient') return [];
  return problems.filter(({ severity }) => strictness === 'strict' || severity === 'error');
}

/** One line for stderr or a log, in the old form with the place at its end. */
export function renderProblem(
  { severity, key, message, line, column }: ConfigProblem,
  file: string,
): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `config ${severity}: ${key}: ${message} (${place})`;
}
