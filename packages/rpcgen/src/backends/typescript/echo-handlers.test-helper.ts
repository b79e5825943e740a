/** Handlers for any description: methods give back what they get, properties keep what they are given. */
import { parseSignature } from '../../model/signature.ts';
import type { DbusType } from '../../model/dbus-type.ts';
import type { Implementation, InterfaceDescription } from '../../runtime/index.ts';

/** A value of every type, the empty or smallest one where there is a choice. */
export function someValue(type: DbusType): unknown {
  switch (type.kind) {
    case 'basic':
      return BASIC[type.code];
    case 'variant':
      return { signature: 's', value: 'v' };
    case 'array':
      return type.element.kind === 'basic' && type.element.code === 'y'
        ? new Uint8Array([1, 2, 255])
        : [someValue(type.element), someValue(type.element)];
    case 'dict':
      return new Map([[someValue(type.key), someValue(type.value)]]);
    case 'struct':
      return type.fields.map(someValue);
  }
}

const BASIC = {
  y: 255,
  b: true,
  n: -32768,
  q: 65535,
  i: -2147483648,
  u: 4294967295,
  x: -9223372036854775808n,
  t: 18446744073709551615n,
  d: 0.1,
  s: 'grüezi \u{1f35e}',
  o: '/a/b_1',
  g: 'a{sv}',
  h: 0,
} as const;

type PropertyHandler = NonNullable<Implementation['properties']>[string];

/** Values of a signature. */
export function someValues(signature: string): readonly unknown[] {
  return parseSignature(signature).map(someValue);
}

/** Handlers that satisfy the description: a method whose results are of other types than its arguments gives some. */
export function echoHandlers({ methods, properties }: InterfaceDescription): Implementation {
  const handlers = Object.entries(methods).map(([name, { input, output }]) => {
    const count = parseSignature(output).length;
    const handle = (...args: unknown[]): unknown => {
      const values = input === output ? args.slice(0, -1) : someValues(output);
      return count === 1 ? values[0] : values;
    };
    return [name, handle] as const;
  });
  const kept = Object.entries(properties).map(([name, { type }]) => {
    let [value] = someValues(type);
    const set = (next: unknown): void => void (value = next);
    return [name, { get: () => value, set }] as const;
  });
  return {
    methods: Object.fromEntries<(...args: unknown[]) => unknown>(handlers),
    properties: Object.fromEntries<PropertyHandler>(kept),
  };
}
