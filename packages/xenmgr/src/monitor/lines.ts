/** Bytes of a socket as lines. */
import { StringDecoder } from 'node:string_decoder';
import { ProtocolError } from '@xenops/core/errors';

/** Reads lines of at most so many characters. */
export class LineReader {
  readonly #charactersMax: number;
  readonly #decoder = new StringDecoder('utf8');
  #parts: string[] = [];
  #length = 0;

  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  /** The lines that are whole now, empty ones left out. Throws PROTOCOL_REMOTE for one over the limit. */
  push(chunk: Buffer): readonly string[] {
    const pieces = this.#decoder.write(chunk).split('\n');
    const last = pieces.pop() ?? '';
    const lines = pieces.map((piece) => {
      this.#keep(piece);
      const line = this.#parts.join('');
      this.#parts = [];
      this.#length = 0;
      return line;
    });
    this.#keep(last);
    return lines.filter((line) => line !== '');
  }

  #keep(piece: string): void {
    this.#length += piece.length;
    if (this.#length > this.#charactersMax) {
      throw new ProtocolError('PROTOCOL_REMOTE', {
        message: `A line of the monitor has at most ${this.#charactersMax} characters`,
      });
    }
    if (piece !== '') this.#parts.push(piece);
  }
}
