/**
 * D-Bus types as C types. Containers are structs named after their signature with `(` as `R`, `{` as `D` and both
 * ends as `E`, letters that no signature has, so that equal types of several documents are one C type.
 */
import type { BasicCode, DbusType } from '../../model/dbus-type.ts';
import type { Document } from '../../model/model.ts';
import { renderType } from '../../model/signature.ts';
import { interfacesOf } from '../../model/walk.ts';

const BASIC: Readonly<Record<BasicCode, string>> = {
  y: 'uint8_t',
  b: 'bool',
  n: 'int16_t',
  q: 'uint16_t',
  i: 'int32_t',
  u: 'uint32_t',
  x: 'int64_t',
  t: 'uint64_t',
  d: 'double',
  s: 'const char *',
  o: 'const char *',
  g: 'const char *',
  h: 'int',
};

/** The C type of a value as a variable or a field. */
export function cType(type: DbusType): string {
  if (type.kind === 'basic') return BASIC[type.code];
  return `struct ${tagOf(type)}`;
}

/** Declares a variable or field of a type; a pointer's star stands at the name. */
export function declare(type: string, name: string): string {
  return type.endsWith('*') ? `${type}${name}` : `${type} ${name}`;
}

/** Declares the parameter through which a value comes in: containers come as pointers. */
export function inputParameter(type: DbusType, name: string): string {
  const text = cType(type);
  return type.kind === 'basic' ? declare(text, name) : `const ${text} *${name}`;
}

/** Declares the parameter through which a value goes out. */
export function outputParameter(type: DbusType, name: string): string {
  return declare(
    `${cType(type)}${type.kind === 'basic' && cType(type).endsWith('*') ? '*' : ' *'}`,
    name,
  );
}

function tagOf(type: DbusType): string {
  return type.kind === 'variant' ? 'dbus_variant' : tagOfSignature(renderType(type));
}

function tagOfSignature(signature: string): string {
  return `dbus_${signature.replaceAll('(', 'R').replaceAll('{', 'D').replaceAll(/[)}]/g, 'E')}`;
}

/** The structs that a document needs, each guarded, in an order in which they can be declared. */
export function declareTypes(document: Document): readonly string[] {
  const structs = new Map<string, readonly string[]>();
  for (const { members } of interfacesOf(document)) {
    for (const member of members) {
      const types = member.kind === 'property' ? [member] : member.args;
      for (const { type } of types) collect(type, structs);
    }
  }
  return [...structs.entries()].flatMap(([tag, fields]) => [
    `#ifndef RPCGEN_TYPE_${tag}`,
    `#define RPCGEN_TYPE_${tag}`,
    `struct ${tag} {`,
    ...fields.map((field) => `  ${field};`),
    '};',
    '#endif',
  ]);
}

function collect(type: DbusType, structs: Map<string, readonly string[]>): void {
  if (type.kind === 'basic' || type.kind === 'variant') return;
  if (structs.has(tagOf(type))) return;
  switch (type.kind) {
    case 'array':
      collect(type.element, structs);
      structs.set(tagOf(type), ['size_t count', items(cType(type.element))]);
      return;
    case 'dict': {
      collect(type.value, structs);
      const entry = tagOfSignature(renderType(type).slice(1));
      structs.set(entry, [declare(cType(type.key), 'key'), declare(cType(type.value), 'value')]);
      structs.set(tagOf(type), ['size_t count', items(`struct ${entry}`)]);
      return;
    }
    case 'struct':
      for (const field of type.fields) collect(field, structs);
      structs.set(
        tagOf(type),
        type.fields.map((field, index) => declare(cType(field), `field${index}`)),
      );
  }
}

function items(element: string): string {
  return element.endsWith('*') ? `${element}const *items` : `const ${element} *items`;
}
