/** Signals on their way in: one match rule at the bus for equal wishes, and each signal to those who want it. */
import { subscription, type Subscription } from './bus-names.ts';
import { BusError } from './errors.ts';
import { MatchRules, type RuleSink } from './match-rules.ts';
import { SignalQueue } from './signal-queue.ts';
import { SignalRouter, type ReceivedSignal } from './signal-router.ts';
import { readBody, type IncomingMessage } from './wire/message.ts';
import { renderSignalRule, type SignalRule } from './wire/match-rule.ts';

/** What signals need of the bus. */
export interface SignalPort extends RuleSink {
  /** Takes what listeners throw, and signals that cannot be read. */
  readonly report: (error: unknown) => void;
  /** Signals that an iterable may hold. */
  readonly queuedSignalsMax: number;
}

/** See the module comment. */
export class BusSignals {
  readonly #port: SignalPort;
  readonly #router = new SignalRouter();
  readonly #rules: MatchRules;
  readonly #queues = new Set<{ fail(error: Error): void }>();

  constructor(port: SignalPort) {
    this.#port = port;
    this.#rules = new MatchRules(port);
  }

  /** How many match rules the bus holds for us. */
  get ruleCount(): number {
    return this.#rules.size;
  }

  /** Calls back for every signal of the rule from the sender that is right at the time. Resolves when the bus has the rule. */
  async subscribe(
    rule: SignalRule,
    listener: (signal: ReceivedSignal) => void,
    senderNow: () => string | undefined,
  ): Promise<Subscription> {
    const text = renderSignalRule(rule);
    const receiver = { rule, senderNow, deliver: listener };
    this.#router.add(receiver);
    try {
      await this.#rules.use(text);
    } catch (error) {
      this.#router.remove(receiver);
      throw error;
    }
    return subscription(() => {
      this.#router.remove(receiver);
      this.#rules.release(text);
    });
  }

  /** Makes an iterable of what a subscription delivers; see `Bus.signals`. */
  async openQueue<T>(
    subscribe: (deliver: (item: T) => void) => Promise<Subscription>,
    signal: AbortSignal | undefined,
  ): Promise<AsyncIterableIterator<T>> {
    const queue = new SignalQueue<T>(this.#port.queuedSignalsMax, () => {
      source.close();
      this.#queues.delete(queue);
      signal?.removeEventListener('abort', onAbort);
    });
    const onAbort = (): void => void queue.return();
    const source = await subscribe((item) => queue.push(item));
    this.#queues.add(queue);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    return queue;
  }

  /** Hands a signal to those who want it. Throws only BusError `DBUS_PROTOCOL`, for a malformed body. */
  deliver(message: IncomingMessage): void {
    const receivers = this.#router.find(message);
    if (receivers.length === 0) return;
    const { position, descriptors } = message.reader;
    const first = this.#read(message);
    if (first === undefined) return;
    const wanting = receivers.filter(
      ({ rule: { arg0 } }) => arg0 === undefined || arg0 === first[0],
    );
    if (wanting.length === 0) descriptors?.closeAll();
    const isShared = descriptors === undefined || descriptors.length === 0;
    for (const [index, { deliver }] of wanting.entries()) {
      // Each receiver closes the descriptors that it gets, so that each gets its own.
      if (index > 0 && !isShared) message.reader.position = position;
      const args = index > 0 && !isShared ? this.#read(message) : first;
      if (args !== undefined) this.#hand(deliver, message, args);
    }
  }

  /** Asks a new connection for all rules. */
  async restore(): Promise<void> {
    await this.#rules.restore();
  }

  /** Ends all iterables with an error. */
  failAll(reason: BusError): void {
    for (const queue of this.#queues) queue.fail(reason);
  }

  #hand(
    deliver: (signal: ReceivedSignal) => void,
    { sender, path, interface: name, member, signature }: IncomingMessage,
    args: readonly unknown[],
  ): void {
    try {
      deliver({ sender, path, interface: name, member, signature, args });
    } catch (error) {
      this.#port.report(error);
    }
  }

  /** A signal whose descriptors cannot be received is reported and dropped; a malformed one ends the connection. */
  #read(message: IncomingMessage): readonly unknown[] | undefined {
    try {
      return readBody(message);
    } catch (error) {
      if (error instanceof BusError && error.code === 'DBUS_PROTOCOL') throw error;
      this.#port.report(error);
      return undefined;
    }
  }
}
