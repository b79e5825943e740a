import type { Position } from '../model/position.ts';

/** Turns offsets of a text into lines and columns. */
export class LineTable {
  readonly #file: string;
  readonly #starts: readonly number[];

  constructor(file: string, text: string) {
    this.#file = file;
    this.#starts = [
      0,
      ...[...text.matchAll(/\r\n|\n|\r/g)].map((end) => end.index + end[0].length),
    ];
  }

  /** The position of an offset in UTF-16 code units. */
  positionAt(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { file: this.#file, line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}
