/**
 * Identifiers of one scope of generated code. What the wire allows as a name and what a language allows differ;
 * two wire names may become one identifier. A table turns each wire name into an identifier that is legal, is no
 * reserved word and is not taken, always the same for the same sequence of requests.
 */

/** The rules of a language for one kind of scope. */
export interface NameRules {
  /** Words that cannot be identifiers here, and names that the generated code uses itself. */
  readonly reserved: ReadonlySet<string>;
  /** Languages that ignore case when they compare names (file names on some systems too). */
  readonly ignoreCase?: boolean;
}

/** Turns any text into a legal identifier of most languages: other characters become `_`, a leading digit gets one. */
export function toIdentifier(text: string): string {
  const legal = text.replace(/[^A-Za-z0-9_]/g, '_');
  return legal === '' || /^\d/.test(legal) ? `_${legal}` : legal;
}

/** Hands out identifiers for one scope. */
export class NameTable {
  readonly #rules: NameRules;
  readonly #taken = new Set<string>();

  constructor(rules: NameRules) {
    this.#rules = rules;
  }

  /**
   * Takes an identifier: the wanted one made legal, with `_` after a reserved word, and with `_2`, `_3`... when it
   * is taken already.
   */
  take(wanted: string): string {
    const legal = toIdentifier(wanted);
    const base = this.#rules.reserved.has(legal) ? `${legal}_` : legal;
    for (let count = 1; ; count++) {
      const candidate = count === 1 ? base : `${base}_${count}`;
      const key = this.#rules.ignoreCase === true ? candidate.toLowerCase() : candidate;
      if (this.#taken.has(key) || this.#rules.reserved.has(candidate)) continue;
      this.#taken.add(key);
      return candidate;
    }
  }
}

/**
 * Gives the identifiers of a list of arguments in one scope; those without a name become `arg0`, `arg1`... for
 * inputs and signals and `out0`, `out1`... for outputs, by their place in the list.
 */
export function argNames(
  args: readonly { readonly name: string }[],
  { table, unnamed }: { readonly table: NameTable; readonly unnamed: 'arg' | 'out' },
): readonly string[] {
  return args.map(({ name }, index) => table.take(name === '' ? `${unnamed}${index}` : name));
}
