/**
 * How often each match rule is in use. The bus is asked for a rule when its first user comes and told to forget it
 * when the last one leaves, whatever the order of requests and answers.
 */
interface RuleUse {
  count: number;
  added: Promise<void>;
}

/** How rules reach the bus. */
export interface RuleSink {
  /** Asks for a rule; resolves when the bus has it. */
  add(rule: string): Promise<void>;
  /** Sends the request to forget one copy of a rule. */
  remove(rule: string): void;
}

/** See above. */
export class MatchRules {
  readonly #uses = new Map<string, RuleUse>();
  readonly #sink: RuleSink;

  constructor(sink: RuleSink) {
    this.#sink = sink;
  }

  /** How many rules the bus has from us. */
  get size(): number {
    return this.#uses.size;
  }

  /** Counts one more user; resolves when the bus has the rule. After a rejection the user does not count. */
  async use(rule: string): Promise<void> {
    const known = this.#uses.get(rule);
    if (known !== undefined) {
      known.count++;
      return this.#awaitAdded(rule, known);
    }
    const use: RuleUse = { count: 1, added: this.#sink.add(rule) };
    this.#uses.set(rule, use);
    return this.#awaitAdded(rule, use);
  }

  /** Counts one user less. */
  release(rule: string): void {
    const use = this.#uses.get(rule);
    if (use === undefined || --use.count > 0) return;
    this.#uses.delete(rule);
    this.#sink.remove(rule);
  }

  /** Asks a new connection for all rules. */
  async restore(): Promise<void> {
    const all = [...this.#uses].map(([rule, use]) => (use.added = this.#sink.add(rule)));
    await Promise.all(all);
  }

  async #awaitAdded(rule: string, use: RuleUse): Promise<void> {
    try {
      await use.added;
    } catch (error) {
      if (--use.count === 0 && this.#uses.get(rule) === use) this.#uses.delete(rule);
      throw error;
    }
  }
}
