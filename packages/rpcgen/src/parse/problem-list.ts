import type { Position } from '../model/position.ts';
import type { Problem } from '../model/problem.ts';
import { PROBLEMS_MAX } from './limits.ts';

/** Collects the problems of one document, at most PROBLEMS_MAX of them. */
export class ProblemList {
  readonly #problems: Problem[] = [];
  #hasError = false;
  #omittedAt: Position | undefined;

  /** Adds something that prevents generation. */
  error(position: Position, message: string): void {
    this.#hasError = true;
    this.#add({ severity: 'error', position, message });
  }

  /** Adds something that does not. */
  warning(position: Position, message: string): void {
    this.#add({ severity: 'warning', position, message });
  }

  get hasError(): boolean {
    return this.#hasError;
  }

  /** The problems in the order of the document. */
  get sorted(): readonly Problem[] {
    const sorted = this.#problems.toSorted(
      ({ position: a }, { position: b }) => a.line - b.line || a.column - b.column,
    );
    if (this.#omittedAt === undefined) return sorted;
    const message = `there are more than ${PROBLEMS_MAX} problems; the others are not listed`;
    return [...sorted, { severity: 'warning', position: this.#omittedAt, message }];
  }

  #add(problem: Problem): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(problem);
    else this.#omittedAt ??= problem.position;
  }
}
