import type { Bus } from '../bus.ts';
import type { Subscription } from '../bus-names.ts';
import { findMember, type InterfaceDescription } from '../describe.ts';
import { BusError } from '../errors.ts';
import type { ReceivedSignal } from '../signal-router.ts';
import type { SignalRule } from '../wire/match-rule.ts';
import type { Target } from './interface-client.ts';

/** The signals of one interface of one object. Those that anybody else sends in its name are not heard. */
export class SignalsClient<S> {
  readonly #bus: Bus;
  readonly #target: Target;
  readonly #description: InterfaceDescription;

  constructor(bus: Bus, target: Target, description: InterfaceDescription) {
    this.#bus = bus;
    this.#target = target;
    this.#description = description;
  }

  /** Calls back for each signal, with its arguments. Resolves when none can be missed any more. */
  async on<Name extends keyof S & string>(
    name: Name,
    listener: (...args: S[Name] extends readonly unknown[] ? S[Name] : never) => void,
  ): Promise<Subscription> {
    // The signature was checked; the listener's parameters were generated from the same signature.
    const call = listener as unknown as (...args: readonly unknown[]) => void;
    return this.#bus.subscribe(this.#rule(name), (signal) => call(...this.#checked(signal)));
  }

  /**
   * The arguments of each signal, one after the other. Resolves when none can be missed any more; the iteration ends
   * when the consumer stops or the abort signal fires, and throws when the bus is closed.
   */
  async stream<Name extends keyof S & string>(
    name: Name,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<AsyncIterableIterator<S[Name]>> {
    const rule = this.#rule(name);
    return this.#bus.openQueue<S[Name]>(
      async (deliver) =>
        this.#bus.subscribe(rule, (signal) => deliver(this.#checked(signal) as S[Name])),
      options,
    );
  }

  #rule(member: string): SignalRule {
    const { destination: sender, path } = this.#target;
    return { sender, path, interface: this.#description.name, member };
  }

  #checked({ member, signature, args }: ReceivedSignal): readonly unknown[] {
    const expected = findMember(this.#description.signals, member);
    if (signature === expected) return args;
    throw new BusError('DBUS_UNEXPECTED_SIGNATURE', {
      message: `Signal ${this.#description.name}.${member} is not what its description says`,
      context: { expected, got: signature },
    });
  }
}
