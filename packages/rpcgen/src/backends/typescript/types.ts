/** D-Bus types as TypeScript types. */
import type { BasicCode, DbusType } from '../../model/dbus-type.ts';
import type { Enum } from '../../model/model.ts';

/**
 * Which way values go: what we send must be right, and may be a plain string for a path; what we receive may be a
 * value of an enumeration that came after us.
 */
export type Way = 'sent' | 'received';

/** How types of a document are printed. */
export interface TypeContext {
  readonly enums: ReadonlyMap<Enum, string>;
}

/** An argument or property, as far as its type goes. */
export interface Typed {
  readonly type: DbusType;
  readonly enumeration: Enum | undefined;
}

const BASIC: Readonly<Record<BasicCode, string>> = {
  y: 'number',
  b: 'boolean',
  n: 'number',
  q: 'number',
  i: 'number',
  u: 'number',
  x: 'bigint',
  t: 'bigint',
  d: 'number',
  s: 'string',
  o: 'rt.ObjectPath',
  g: 'rt.Signature',
  h: 'rt.UnixFd',
};

/** Gives the type of an argument or property. */
export function renderTyped({ type, enumeration }: Typed, way: Way, context: TypeContext): string {
  const name = enumeration === undefined ? undefined : context.enums.get(enumeration);
  if (enumeration === undefined || name === undefined) return renderTsType(type, way);
  return enumeration.flags || way === 'sent'
    ? name
    : `rt.OpenEnum<${name}, ${BASIC[enumeration.code]}>`;
}

/** Gives the type of any D-Bus type. */
export function renderTsType(type: DbusType, way: Way): string {
  switch (type.kind) {
    case 'basic':
      return way === 'sent' && (type.code === 'o' || type.code === 'g')
        ? 'string'
        : BASIC[type.code];
    case 'variant':
      return 'rt.Variant';
    case 'array':
      return type.element.kind === 'basic' && type.element.code === 'y'
        ? 'Uint8Array'
        : `${elementType(type.element, way)}[]`;
    case 'dict':
      return `ReadonlyMap<${renderTsType(type.key, way)}, ${renderTsType(type.value, way)}>`;
    case 'struct':
      return `readonly [${type.fields.map((field) => renderTsType(field, way)).join(', ')}]`;
  }
}

/** Arrays and structs already begin with `readonly`, which cannot stand twice. */
function elementType(element: DbusType, way: Way): string {
  const text = renderTsType(element, way);
  return `readonly ${text.startsWith('readonly ') ? `(${text})` : text}`;
}
