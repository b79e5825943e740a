/**
 * The interfaces of an object: those that the IDL gives it, without asking, and what it says of itself for everything
 * else: objects of other services, and members that are newer than this client.
 */
import { parseIdl, renderProblem, renderSignature, type Interface } from '@xenops/rpcgen';
import type { Bus, CallOptions, InterfaceDescription } from '@xenops/rpcgen/runtime';
import { shippedInterfaces } from '../client/shipped-interfaces.ts';
import { XecError } from './errors.ts';
import { didYouMean } from './suggest.ts';

/** A bus, and how to call on it. */
export interface Session {
  readonly bus: Bus;
  readonly options: CallOptions;
}

/** An object on the bus. */
export interface ObjectTarget {
  readonly busName: string;
  readonly path: string;
  /** The only interface to use. */
  readonly interfaceName: string | undefined;
}

/** A method or property of an interface. */
export interface Member<T> {
  readonly interfaceName: string;
  readonly name: string;
  readonly description: T;
  /** The interface with names of arguments and documentation; made when it is asked for. */
  readonly model: () => Interface;
}

/** Members are looked up by kind. */
export type MemberKind = 'methods' | 'properties';

/** What is known of a member of that kind. */
export interface MemberDescription {
  readonly methods: { readonly input: string; readonly output: string };
  readonly properties: { readonly type: string; readonly access: string };
}

interface Described {
  readonly name: string;
  readonly members: { readonly [K in MemberKind]: Readonly<Record<string, MemberDescription[K]>> };
  readonly model: () => Interface;
}

/** Finds a member in the first interface that has it. Throws XEC_NO_MEMBER, with what may have been meant. */
export async function getMember<K extends MemberKind>(
  session: Session,
  target: ObjectTarget,
  wanted: { readonly kind: K; readonly name: string },
): Promise<Member<MemberDescription[K]>> {
  const known = shippedInterfaces(target.busName, target.path).map(shippedInterface);
  const found = findIn(known, target, wanted);
  if (found !== undefined) return found;
  const live = (await introspect(session, target)).map(introspectedInterface);
  const foundLive = findIn(live, target, wanted);
  if (foundLive !== undefined) return foundLive;
  throw noMember(live, target, wanted);
}

/** What the object says of itself: the wanted interface, or all. Throws XEC_NO_MEMBER, XEC_BAD_INTROSPECTION. */
export async function introspect(
  { bus, options }: Session,
  { busName, path, interfaceName }: ObjectTarget,
): Promise<readonly Interface[]> {
  const call = {
    destination: busName,
    path,
    interface: 'org.freedesktop.DBus.Introspectable',
    member: 'Introspect',
    input: '',
    output: 's',
  };
  const [text] = await bus.call(call, [], options);
  const interfaces = parseInterfaces(String(text), `${busName} ${path}`);
  if (interfaceName === undefined) return interfaces;
  const one = interfaces.find(({ name }) => name === interfaceName);
  if (one !== undefined) return [one];
  const names = interfaces.map(({ name }) => name);
  throw new XecError('XEC_NO_MEMBER', {
    message: `interface ${interfaceName} not found${didYouMean(interfaceName, names)}`,
  });
}

/** The interface that an element of the IDL describes. Throws XEC_BAD_INTROSPECTION. */
export function modelOf({ name, xml }: InterfaceDescription): Interface {
  const [model] = parseInterfaces(`<node>${xml}</node>`, name);
  if (model !== undefined) return model;
  throw new XecError('XEC_BAD_INTROSPECTION', { message: `there is nothing about ${name}` });
}

function parseInterfaces(text: string, file: string): readonly Interface[] {
  const { document, problems } = parseIdl({ file, text });
  if (document !== undefined) return document.root.interfaces;
  throw new XecError('XEC_BAD_INTROSPECTION', {
    message: `what ${file} says of itself cannot be read: ${problems.map(renderProblem).join('; ')}`,
  });
}

function shippedInterface(description: InterfaceDescription): Described {
  const { name, methods, properties } = description;
  return { name, members: { methods, properties }, model: () => modelOf(description) };
}

function introspectedInterface(model: Interface): Described {
  const methods = model.methods.map(({ name, inputs, outputs }) => {
    const input = renderSignature(inputs.map(({ type }) => type));
    const output = renderSignature(outputs.map(({ type }) => type));
    return [name, { input, output }] as const;
  });
  const properties = model.properties.map(({ name, signature, access }) => {
    return [name, { type: signature, access }] as const;
  });
  return {
    name: model.name,
    members: {
      methods: Object.fromEntries(methods),
      properties: Object.fromEntries(properties),
    },
    model: () => model,
  };
}

function findIn<K extends MemberKind>(
  interfaces: readonly Described[],
  { interfaceName }: ObjectTarget,
  { kind, name }: { readonly kind: K; readonly name: string },
): Member<MemberDescription[K]> | undefined {
  for (const one of interfaces) {
    if (interfaceName !== undefined && one.name !== interfaceName) continue;
    const members: Readonly<Record<string, MemberDescription[K]>> = one.members[kind];
    const description = Object.hasOwn(members, name) ? members[name] : undefined;
    if (description !== undefined) {
      return { interfaceName: one.name, name, description, model: one.model };
    }
  }
  return undefined;
}

const SINGULAR = { methods: 'method', properties: 'property' } as const;

function noMember(
  interfaces: readonly Described[],
  { interfaceName }: ObjectTarget,
  { kind, name }: { readonly kind: MemberKind; readonly name: string },
): XecError {
  const where =
    interfaceName === undefined ? 'in any of the interfaces' : `in interface ${interfaceName}`;
  const written = interfaces.flatMap((one) => Object.keys(one.members[kind]).map(writtenAs(kind)));
  const shown = writtenAs(kind)(name);
  return new XecError('XEC_NO_MEMBER', {
    message: `${SINGULAR[kind]} ${shown} not found ${where}${didYouMean(shown, written)}`,
  });
}

/** Names of methods are written with dashes. */
function writtenAs(kind: MemberKind): (name: string) => string {
  return (name) => (kind === 'methods' ? writtenMethod(name) : name);
}

/** The name of a method as people write it. */
export function writtenMethod(name: string): string {
  return name.replaceAll('_', '-');
}
