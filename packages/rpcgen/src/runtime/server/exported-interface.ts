/**
 * An interface ready to be called. What depends on the description alone is made once for it, and what depends on the
 * handlers once for them, so that a thousand objects with the same handlers cost little more than one.
 */
import { findMember, type InterfaceDescription, type PropertyDescription } from '../describe.ts';
import { BusError, DbusError, STANDARD_ERROR } from '../errors.ts';
import type { Variant } from '../values.ts';
import { bodyCodec, type BodyCodec } from '../wire/body-codec.ts';
import type { CallContext } from './call-context.ts';
import type { Implementation, Implemented, PropertyHandler } from './implementation.ts';

/** A method as the wire sees it. */
export interface MethodShape {
  readonly name: string;
  readonly input: BodyCodec;
  readonly output: BodyCodec;
}

/** A method that can be called. */
export interface ExportedMethod extends MethodShape {
  readonly handle: (args: readonly unknown[], context: CallContext) => unknown;
}

const SHAPES = new WeakMap<InterfaceDescription, readonly MethodShape[]>();

function shapesOf(description: InterfaceDescription): readonly MethodShape[] {
  const known = SHAPES.get(description);
  if (known !== undefined) return known;
  const shapes = Object.entries(description.methods).map(([name, { input, output }]) => ({
    name,
    input: bodyCodec(input),
    output: bodyCodec(output),
  }));
  SHAPES.set(description, shapes);
  return shapes;
}

/** By handlers, then by description: the same handlers may serve two interfaces. */
const EXPORTED = new WeakMap<Implementation, ExportedInterface[]>();

/** Joins an interface and its handlers. Throws BusError `DBUS_BAD_VALUE` when a method has no handler. */
export function exportedInterface({ description, implementation }: Implemented): ExportedInterface {
  const known = EXPORTED.get(implementation);
  const same = known?.find((one) => one.description === description);
  if (same !== undefined) return same;
  const made = new ExportedInterface(description, implementation);
  if (known === undefined) EXPORTED.set(implementation, [made]);
  else known.push(made);
  return made;
}

/** See the module comment. */
export class ExportedInterface {
  readonly description: InterfaceDescription;
  readonly methods: ReadonlyMap<string, ExportedMethod>;
  /** Whether a Set is nobody else's to tell of. */
  readonly isSetTold: boolean;
  readonly #properties: Readonly<Record<string, PropertyHandler>>;
  readonly #readable: readonly (readonly [string, string, PropertyHandler])[];

  constructor(description: InterfaceDescription, implementation: Implementation) {
    this.description = description;
    this.isSetTold = implementation.tellsChanges !== true;
    this.#properties = implementation.properties ?? {};
    this.#readable = Object.entries(description.properties).flatMap(([name, { access, type }]) => {
      const handler = findMember(this.#properties, name);
      return access === 'write' || handler?.get === undefined ? [] : [[name, type, handler]];
    });
    this.methods = new Map(
      shapesOf(description).map((shape) => {
        const handler = findMember(implementation.methods ?? {}, shape.name);
        if (handler === undefined) throw notImplemented(description.name, shape.name);
        // The codec has checked the values against the signature from which the handler's type was generated.
        const call = handler as (...args: readonly unknown[]) => unknown;
        const handle = (args: readonly unknown[], context: CallContext): unknown =>
          call.call(implementation.methods, ...args, context);
        return [shape.name, { ...shape, handle }] as const;
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
  async get(name: string, context: CallContext): Promise<Variant> {
    const { about, handler } = this.#property(name);
    if (about.access === 'write' || handler.get === undefined) {
      throw new DbusError(STANDARD_ERROR.accessDenied, `Property "${name}" cannot be read`);
    }
    return { signature: about.type, value: await handler.get(context) };
  }

  /** Reads all properties that can be read; those that take their time all at once. */
  async getAll(context: CallContext): Promise<Map<string, Variant>> {
    const values = new Map<string, Variant>();
    const later: Promise<void>[] = [];
    for (const [name, signature, handler] of this.#readable) {
      const value = handler.get?.(context);
      values.set(name, { signature, value });
      if (value instanceof Promise) later.push(fill(values, name, { signature, value }));
    }
    if (later.length > 0) await Promise.all(later);
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

async function fill(
  values: Map<string, Variant>,
  name: string,
  { signature, value }: Variant<Promise<unknown>>,
): Promise<void> {
  values.set(name, { signature, value: await value });
}

function notImplemented(owner: string, method: string): BusError {
  return new BusError('DBUS_BAD_VALUE', {
    message: `Method ${owner}.${method} has no handler`,
    context: { path: `methods.${method}` },
  });
}
