/** Properties of an object, one or all. */
import type { Variant } from '@xenops/rpcgen/runtime';
import { XecError } from './errors.ts';
import { jsonOf } from './json-value.ts';
import { getMember, introspect, type ObjectTarget, type Session } from './object-interfaces.ts';
import type { Outcome } from './outcome.ts';
import { parseArgument } from './parse-argument.ts';
import { entriesOf, isVariant, renderProperties, renderVariant } from './render-value.ts';

/** Reads a property. */
export async function getProperty(
  session: Session,
  target: ObjectTarget,
  name: string,
): Promise<Outcome> {
  const interfaceName = await interfaceWith(session, target, name);
  const [value] = await callProperties(session, target, GET, [interfaceName, name]);
  if (!isVariant(value)) {
    throw new XecError('XEC_BAD_INTROSPECTION', { message: `property ${name} has no value` });
  }
  return { text: `${renderVariant(value)}\n`, json: jsonOf(value) };
}

/** Reads all properties, by interface. */
export async function getAllProperties(session: Session, target: ObjectTarget): Promise<Outcome> {
  const all: (readonly [string, ReadonlyMap<string, Variant>])[] = [];
  for (const interfaceName of await interfacesWithProperties(session, target)) {
    const [values] = await callProperties(session, target, GET_ALL, [interfaceName]);
    const properties = entriesOf(values).flatMap(([name, value]) =>
      isVariant(value) ? [[String(name), value] as const] : [],
    );
    if (properties.length > 0) all.push([interfaceName, new Map(properties)]);
  }
  return {
    text: all.map(([name, properties]) => renderProperties(name, properties)).join(''),
    json: jsonOf(new Map(all)),
  };
}

/** Writes a property. */
export async function setProperty(
  session: Session,
  target: ObjectTarget,
  { property, text }: { readonly property: string; readonly text: string },
): Promise<Outcome> {
  const wanted = { kind: 'properties', name: property } as const;
  const { interfaceName, description } = await getMember(session, target, wanted);
  const { type } = description;
  const value = parseArgument(text, type, () => `the value of ${property}`);
  await callProperties(session, target, SET, [interfaceName, property, { signature: type, value }]);
  return { text: '', json: null };
}

/** An interface that was named need not be known: the value says what type it has. */
async function interfaceWith(
  session: Session,
  target: ObjectTarget,
  name: string,
): Promise<string> {
  if (target.interfaceName !== undefined) return target.interfaceName;
  return (await getMember(session, target, { kind: 'properties', name })).interfaceName;
}

async function interfacesWithProperties(
  session: Session,
  target: ObjectTarget,
): Promise<readonly string[]> {
  if (target.interfaceName !== undefined) return [target.interfaceName];
  const interfaces = await introspect(session, target);
  return interfaces
    .filter(({ properties }) => properties.some(({ access }) => access !== 'write'))
    .map(({ name }) => name);
}

const GET = { member: 'Get', input: 'ss', output: 'v' } as const;
const GET_ALL = { member: 'GetAll', input: 's', output: 'a{sv}' } as const;
const SET = { member: 'Set', input: 'ssv', output: '' } as const;

async function callProperties(
  { bus, options }: Session,
  { busName, path }: ObjectTarget,
  method: typeof GET | typeof GET_ALL | typeof SET,
  args: readonly unknown[],
): Promise<readonly unknown[]> {
  const owner = { destination: busName, path, interface: 'org.freedesktop.DBus.Properties' };
  return bus.call({ ...owner, ...method }, args, options);
}
