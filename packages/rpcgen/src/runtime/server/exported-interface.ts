/** One interface at one path: its handlers with their marshallers, and what its owner does with it. */
import { findMember, type InterfaceDescription, type PropertyDescription } from '../describe.ts';
import { BusError, DbusError, STANDARD_ERROR } from '../errors.ts';
import type { Variant } from '../values.ts';
import { bodyCodec, type BodyCodec } from '../wire/body-codec.ts';
import type { CallContext } from './call-context.ts';
import type { Implementation, PropertyHandler } from './implementation.ts';

/** A method that can be called. */
export interface ExportedMethod {
  readonly name: string;
  readonly input: BodyCodec;
  readonly output: BodyCodec;
  /** How many values a reply has: none, one (then the handler gives the value itself), or more (then an array). */
  readonly outputCount: number;
  readonly handle: (args: readonly unknown[], context: CallContext) => unknown;
}

/** See the module comment. */
export class ExportedInterface {
  readonly description: InterfaceDescription;
  readonly methods: ReadonlyMap<string, ExportedMethod>;
  readonly #properties: Readonly<Record<string, PropertyHandler>>;
  readonly #readable: readonly (readonly [string, string, PropertyHandler])[];

  constructor(description: InterfaceDescription, implementation: Implementation) {
    this.description = description;
    this.#properties = implementation.properties ?? {};
    this.#readable = Object.entries(description.properties).flatMap(([name, { access, type }]) => {
      const handler = findMember(this.#properties, name);
      return access === 'write' || handler?.get === undefined ? [] : [[name, type, handler]];
    });
    this.methods = new Map(
      Object.entries(description.methods).map(([name, { input, output }]) => {
        const handler = findMember(implementation.methods ?? {}, name);
        if (handler === undefined) throw notImplemented(description.name, name);
        // The codec has checked the values against the signature from which the handler's type was generated.
        const call = handler as (...args: readonly unknown[]) => unknown;
        const handle = (args: readonly unknown[], context: CallContext): unknown =>
          call.call(implementation.methods, ...args, context);
        return [name, { name, input: bodyCodec(input), ...outputOf(output), handle }] as const;
      }),
    );
  }

  /** Gives a property of this interface and its handlers, or undefined. */
  findProperty(
    name: string,
  ): { readonly about: PropertyDescription; readonly handler: PropertyHandler } | undefined {
    const about = findMember(this.description.properties, name);
    if (about === undefined) return undefined;
    return { about, handler: findMember(this.#properties, name) ?? {} };
  }

  /** Reads a property. Throws DbusError for one that cannot be read. */
  async get(name: string, context?: CallContext): Promise<Variant> {
    const { about, handler } = this.#property(name);
    if (about.access === 'write' || handler.get === undefined) {
      throw new DbusError(STANDARD_ERROR.accessDenied, `Property "${name}" cannot be read`);
    }
    return { signature: about.type, value: await handler.get(context) };
  }

  /** Reads all properties that can be read. */
  async getAll(context?: CallContext): Promise<Map<string, Variant>> {
    const values = new Map<string, Variant>();
    for (const [name, signature, handler] of this.#readable) {
      const value = handler.get?.(context);
      const isLater = value instanceof Promise;
      values.set(name, { signature, value: isLater ? await value : value });
    }
    return values;
  }

  /** Writes a property. Throws DbusError for one that cannot be written, or a value of another type. */
  async set(name: string, value: Variant, context: CallContext): Promise<void> {
    const { about, handler } = this.#property(name);
    if (about.access === 'read' || handler.set === undefined) {
      throw new DbusError(STANDARD_ERROR.propertyReadOnly, `Property "${name}" is read-only`);
    }
    if (value.signature !== about.type) {
      throw new DbusError(
        STANDARD_ERROR.invalidArgs,
        `Property "${name}" is of type "${about.type}", not "${value.signature}"`,
      );
    }
    await handler.set(value.value as never, context);
  }

  #property(name: string): { about: PropertyDescription; handler: PropertyHandler } {
    const found = this.findProperty(name);
    if (found !== undefined) return found;
    throw new DbusError(
      STANDARD_ERROR.unknownProperty,
      `Interface "${this.description.name}" has no property "${name}"`,
    );
  }
}

function outputOf(signature: string): Pick<ExportedMethod, 'output' | 'outputCount'> {
  const output = bodyCodec(signature);
  return { output, outputCount: output.count };
}

function notImplemented(owner: string, method: string): BusError {
  return new BusError('DBUS_BAD_VALUE', {
    message: `Method ${owner}.${method} has no handler`,
    context: { path: `methods.${method}` },
  });
}
