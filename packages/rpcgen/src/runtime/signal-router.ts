/** Who of us wants which signals. */
import type { IncomingMessage } from './wire/message.ts';
import { isBelow, type SignalRule } from './wire/match-rule.ts';

/** A signal as it is handed out. */
export interface ReceivedSignal {
  /** The unique name of the sender, as the bus says it. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly args: readonly unknown[];
}

/** One receiver. */
export interface Receiver {
  readonly rule: SignalRule;
  /** The only sender to hear; undefined for anyone, empty while the wanted name has no owner. */
  readonly senderNow: () => string | undefined;
  readonly deliver: (signal: ReceivedSignal) => void;
}

/** Finds the receivers of a signal by its interface and member, so that their number does not matter. */
export class SignalRouter {
  readonly #receivers = new Map<string, Set<Receiver>>();

  /** Adds a receiver. */
  add(receiver: Receiver): void {
    const key = keyOf(receiver.rule);
    const known = this.#receivers.get(key);
    if (known === undefined) this.#receivers.set(key, new Set([receiver]));
    else known.add(receiver);
  }

  /** Removes a receiver. */
  remove(receiver: Receiver): void {
    const key = keyOf(receiver.rule);
    const known = this.#receivers.get(key);
    known?.delete(receiver);
    if (known?.size === 0) this.#receivers.delete(key);
  }

  /** The receivers of this signal, as they are at this moment. */
  find(message: IncomingMessage): readonly Receiver[] {
    const found: Receiver[] = [];
    for (const key of [
      `${message.interface} ${message.member}`,
      `${message.interface} `,
      ` ${message.member}`,
      ' ',
    ]) {
      for (const receiver of this.#receivers.get(key) ?? []) {
        if (accepts(receiver, message)) found.push(receiver);
      }
    }
    return found;
  }
}

function keyOf({ interface: name = '', member = '' }: SignalRule): string {
  return `${name} ${member}`;
}

function accepts({ rule, senderNow }: Receiver, { path, sender }: IncomingMessage): boolean {
  if (rule.path !== undefined && rule.path !== path) return false;
  if (rule.pathNamespace !== undefined && !isBelow(path, rule.pathNamespace)) return false;
  const wanted = senderNow();
  return wanted === undefined || wanted === sender;
}
