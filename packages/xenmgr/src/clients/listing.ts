/** An object's interfaces as text and as JSON. Pure. */
import type { Arg, Interface } from '@xenops/rpcgen';
import type { JsonValue } from './json-value.ts';
import { writtenMethod } from './object-interfaces.ts';
import { pad } from './render-value.ts';

const NAME_WIDTH = 28;

/** Interfaces with their properties and methods, to the letter of the old client. */
export function renderListing(interfaces: readonly Interface[]): string {
  return `${interfaces.map(renderInterface).join('\n\n')}\n\n`;
}

function renderInterface({ name, properties, methods }: Interface): string {
  const lines = [
    ...properties.map(
      (one) => `|     -  ${pad(one.name, NAME_WIDTH)} ${one.access}:${one.signature}`,
    ),
    ...methods.map((one) => {
      const args = [
        ...one.inputs.map(renderArg),
        ...one.outputs.map((arg) => `OUT ${renderArg(arg)}`),
      ];
      return `|     +  ${pad(writtenMethod(one.name), NAME_WIDTH)} ( ${args.join(', ')} )`;
    }),
  ];
  return `/------- ${name}\n${lines.join('\n')}`;
}

function renderArg({ name, signature }: Arg): string {
  return `${name}:${signature}`;
}

/** The same as data, with the signals. */
export function listingJson(interfaces: readonly Interface[]): JsonValue {
  return interfaces.map(({ name, properties, methods, signals }) => ({
    name,
    properties: properties.map((one) => ({
      name: one.name,
      type: one.signature,
      access: one.access,
    })),
    methods: methods.map((one) => ({
      name: one.name,
      in: one.inputs.map(argJson),
      out: one.outputs.map(argJson),
    })),
    signals: signals.map((one) => ({ name: one.name, args: one.args.map(argJson) })),
  }));
}

function argJson({ name, signature }: Arg): JsonValue {
  return { name, type: signature };
}

/** Names of one kind, in the order of the interfaces. */
export function namesOf(
  interfaces: readonly Interface[],
  what: 'interfaces' | 'methods' | 'properties',
): readonly string[] {
  if (what === 'interfaces') return interfaces.map(({ name }) => name);
  if (what === 'methods') {
    return interfaces.flatMap(({ methods }) => methods.map(({ name }) => writtenMethod(name)));
  }
  return interfaces.flatMap(({ properties }) => properties.map(({ name }) => name));
}
