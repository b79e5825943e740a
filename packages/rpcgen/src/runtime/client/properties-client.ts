/** Properties of one interface of one object. Their names are those on the wire, dashes and dots included. */
import { allValues, type Bus } from '../bus.ts';
import type { CallOptions, CallTarget, PreparedCall } from '../bus-options.ts';
import type { Subscription } from '../bus-names.ts';
import { findMember, type InterfaceDescription } from '../describe.ts';
import { BusError } from '../errors.ts';
import { STANDARD_INTERFACE } from '../server/standard-interfaces.ts';
import type { Variant } from '../values.ts';
import type { Target } from './interface-client.ts';
import { PropertyCache } from './property-cache.ts';

/** What PropertiesChanged told: new values, and names of properties whose value has to be asked for. */
export interface PropertyChanges<P> {
  readonly changed: Partial<P>;
  readonly invalidated: readonly (keyof P & string)[];
}

const METHODS = {
  Get: { input: 'ss', output: 'v' },
  Set: { input: 'ssv', output: '' },
  GetAll: { input: 's', output: 'a{sv}' },
} as const;

/** See the module comment. */
export class PropertiesClient<P, R extends keyof P, W extends keyof P> {
  readonly #bus: Bus;
  readonly #target: Target;
  readonly #description: InterfaceDescription;
  readonly #prepared = new Map<string, PreparedCall<readonly unknown[]>>();

  constructor(bus: Bus, target: Target, description: InterfaceDescription) {
    this.#bus = bus;
    this.#target = target;
    this.#description = description;
  }

  /** Reads a property. Rejects with `DBUS_UNEXPECTED_SIGNATURE` when it is of another type. */
  async get<Name extends R & string>(name: Name, options?: CallOptions): Promise<P[Name]> {
    const [value] = await this.#call('Get', [this.#description.name, name], options);
    return this.#checked(name, value as Variant) as P[Name];
  }

  /** Writes a property. */
  async set<Name extends W & string>(
    name: Name,
    value: P[Name],
    options?: CallOptions,
  ): Promise<void> {
    const signature = findMember(this.#description.properties, name)?.type;
    await this.#call('Set', [this.#description.name, name, { signature, value }], options);
  }

  /** Reads all properties. Those that the service does not have are left out, and so are those we do not know. */
  async getAll(options?: CallOptions): Promise<Partial<Pick<P, R>>> {
    const [values] = await this.#call('GetAll', [this.#description.name], options);
    return this.#known(values as ReadonlyMap<string, Variant>);
  }

  /** Calls back with every PropertiesChanged of this interface. */
  async onChanged(listener: (changes: PropertyChanges<P>) => void): Promise<Subscription> {
    const { destination: sender, path } = this.#target;
    const { name } = this.#description;
    const rule = {
      sender,
      path,
      interface: STANDARD_INTERFACE.properties,
      member: 'PropertiesChanged',
      arg0: name,
    };
    return this.#bus.subscribe(rule, ({ signature, args }) => {
      if (signature !== 'sa{sv}as') throw unexpected('PropertiesChanged', 'sa{sv}as', signature);
      listener({
        changed: this.#known(args[1] as ReadonlyMap<string, Variant>),
        invalidated: (args[2] as readonly string[]).filter((one) => this.#isKnown(one)),
      });
    });
  }

  /**
   * Keeps the values here and up to date: by PropertiesChanged, read anew when the service starts again or the
   * connection comes back. Resolves when it is filled.
   */
  async openCache(options?: CallOptions): Promise<PropertyCache<P>> {
    const { emits } = { emits: this.#description.properties };
    return PropertyCache.open<P>({
      destination: this.#target.destination,
      bus: this.#bus,
      getAll: () => this.getAll(options) as Promise<Partial<P>>,
      get: (name) => this.get(name as R & string, options),
      onChanged: (listener) => this.onChanged(listener),
      isSilent: (name) => findMember(emits, name)?.emitsChanged === 'false',
    });
  }

  async #call(
    member: keyof typeof METHODS,
    args: readonly unknown[],
    options: CallOptions | undefined,
  ): Promise<readonly unknown[]> {
    let prepared = this.#prepared.get(member);
    if (prepared === undefined) {
      const target: CallTarget = {
        ...this.#target,
        ...METHODS[member],
        interface: STANDARD_INTERFACE.properties,
        member,
      };
      prepared = this.#bus.prepare(target, allValues);
      this.#prepared.set(member, prepared);
    }
    return this.#bus.callPrepared(prepared, args, options);
  }

  #known(values: ReadonlyMap<string, Variant>): Partial<P> {
    const known: [string, unknown][] = [];
    for (const [name, value] of values) {
      const about = findMember(this.#description.properties, name);
      if (about === undefined) continue;
      if (value.signature !== about.type) throw this.#unexpected(name, about.type, value.signature);
      known.push([name, value.value]);
    }
    // Every name is a property of the interface and every value is of its type.
    return Object.fromEntries(known) as Partial<P>;
  }

  #isKnown(name: string): name is keyof P & string {
    return findMember(this.#description.properties, name) !== undefined;
  }

  #checked(name: string, { signature, value }: Variant): unknown {
    const expected = findMember(this.#description.properties, name)?.type;
    if (signature === expected) return value;
    throw this.#unexpected(name, expected, signature);
  }

  #unexpected(name: string, expected: string | undefined, got: string): BusError {
    return unexpected(`Property ${this.#description.name} "${name}"`, expected, got);
  }
}

function unexpected(what: string, expected: string | undefined, got: string): BusError {
  return new BusError('DBUS_UNEXPECTED_SIGNATURE', {
    message: `${what} is not what its description says`,
    context: { expected, got },
  });
}
