/** Collects lines of generated code with their indentation. The text ends in one line feed. */
export class CodeWriter {
  readonly #unit: string;
  readonly #lines: string[] = [];
  #depth = 0;

  /** `unit` is one step of indentation, two spaces unless given. */
  constructor(unit = '  ') {
    this.#unit = unit;
  }

  /** Adds lines at the present depth; a text with line feeds is several lines. No argument gives an empty line. */
  line(...texts: readonly string[]): this {
    for (const text of texts.length === 0 ? [''] : texts) {
      for (const single of text.split('\n')) {
        this.#lines.push(single === '' ? '' : this.#unit.repeat(this.#depth) + single);
      }
    }
    return this;
  }

  /** Adds what `body` writes, one step further in. */
  indent(body: () => void): this {
    this.#depth++;
    body();
    this.#depth--;
    return this;
  }

  /** Adds a line, an indented body and a closing line. */
  block(open: string, close: string, body: () => void): this {
    return this.line(open).indent(body).line(close);
  }

  /** Everything written so far. Empty lines at the end are dropped. */
  get text(): string {
    return `${this.#lines.join('\n').trimEnd()}\n`;
  }
}
