/** What generated client classes are made of. */
import type { Bus } from '../bus.ts';
import type { CallOptions, PreparedCall } from '../bus-options.ts';
import { findMember, type InterfaceDescription } from '../describe.ts';
import { BusError } from '../errors.ts';
import { PropertiesClient } from './properties-client.ts';
import { SignalsClient } from './signals-client.ts';

/** An object of somebody on the bus. */
export interface Target {
  /** A bus name, better well-known than unique: then the client follows the name when its owner changes. */
  readonly destination: string;
  readonly path: string;
}

/**
 * One interface of an object on the bus. `S` maps each signal to its arguments, `P` each property to its type; `R`
 * and `W` are the properties that can be read and written.
 */
export abstract class InterfaceClient<S, P, R extends keyof P, W extends keyof P> {
  /** Its properties. */
  readonly properties: PropertiesClient<P, R, W>;
  /** Its signals. */
  readonly signals: SignalsClient<S>;
  readonly #bus: Bus;
  readonly #target: Target;
  readonly #description: InterfaceDescription;
  readonly #prepared = new Map<string, PreparedCall<unknown>>();

  protected constructor(bus: Bus, target: Target, description: InterfaceDescription) {
    this.#bus = bus;
    this.#target = target;
    this.#description = description;
    this.properties = new PropertiesClient(bus, target, description);
    this.signals = new SignalsClient(bus, target, description);
  }

  /** Calls a method; gives nothing, the one value, or an array of the values of its reply. */
  protected invoke<T>(
    member: string,
    args: readonly unknown[],
    options: CallOptions | undefined,
  ): Promise<T> {
    const prepared = this.#prepared.get(member);
    const result =
      prepared === undefined
        ? this.#invokeFirst(member, args, options)
        : this.#bus.callPrepared(prepared, args, options);
    // The signature of the reply is checked; T was generated from the same signature.
    return result as Promise<T>;
  }

  async #invokeFirst(
    member: string,
    args: readonly unknown[],
    options: CallOptions | undefined,
  ): Promise<unknown> {
    return this.#bus.callPrepared(this.#prepare(member), args, options);
  }

  #prepare(member: string): PreparedCall<unknown> {
    const { name, methods, errors } = this.#description;
    const method = findMember(methods, member);
    if (method === undefined) {
      throw new BusError('DBUS_BAD_NAME', {
        message: `Interface ${name} has no such method`,
        context: { member },
      });
    }
    const target = { ...this.#target, ...method, interface: name, member, errors };
    const prepared = this.#bus.prepare(target, oneOrAll);
    this.#prepared.set(member, prepared);
    return prepared;
  }
}

function oneOrAll(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}
