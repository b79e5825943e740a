/** Lines out of chunks, each at most `bytesMax` long. */
export class LineReader {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that are whole now; undefined when one is over the limit and the stream cannot be read further. */
  push(chunk: Buffer): string[] | undefined {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#keep(chunk.subarray(start, end));
      if (this.#bytes > this.#bytesMax) return undefined;
      lines.push(Buffer.concat(this.#chunks).toString());
      this.#chunks = [];
      this.#bytes = 0;
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return this.#bytes > this.#bytesMax ? undefined : lines;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#chunks.push(part);
    this.#bytes += part.length;
  }
}

/** Longest message of the hypervisor's socket: a list of all domains that can be, with room to spare. */
export const LINE_BYTES_MAX = 33_554_432;
/** Longest request: none carries more than a few texts. */
export const REQUEST_BYTES_MAX = 1_048_576;
