import { renderPosition, type Position } from './position.ts';

/** Something wrong in an input file. An error prevents generation, a warning does not. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly position: Position;
  /** One sentence: what is wrong with what, and what would be right. */
  readonly message: string;
}

/**
 * Gives one line, `file:line:column: message`, with `warning: ` before the message of a warning. Control characters,
 * which can come from the input, are escaped.
 */
export function renderProblem({ severity, position, message }: Problem): string {
  const line = `${renderPosition(position)}: ${severity === 'warning' ? 'warning: ' : ''}${message}`;
  return line.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}
