/**
 * The model every backend works from: a D-Bus introspection document as data, free of any language. Everything of
 * the document is here in document order, annotations nobody knows included. Names are the wire names, verbatim;
 * what a language makes of them is the backend's business.
 */
import type { BasicCode, DbusType } from './dbus-type.ts';
import type { Position } from './position.ts';

/** `<annotation>`: a name and a value, known or not. `annotations.ts` reads the known ones. */
export interface Annotation {
  readonly name: string;
  readonly value: string;
  readonly position: Position;
}

/** What every described thing has. */
export interface Described {
  /** Its documentation as plain text, lines separated by `\n`, without indentation; empty when there is none. */
  readonly docs: string;
  readonly annotations: readonly Annotation[];
  readonly position: Position;
}

/** One value of an enumeration. */
export interface EnumValue extends Described {
  readonly suffix: string;
  /** As text, for every base type; checked to be a value of that type, and possibly empty for strings. */
  readonly value: string;
}

/** A type that an enumeration can have. */
export type EnumCode = Exclude<BasicCode, 'o' | 'g' | 'h'>;

/** `<tp:enum>` or `<tp:flags>`, under a node or an interface. */
export interface Enum extends Described {
  readonly name: string;
  readonly code: EnumCode;
  /** The values are bits that may be set together (`<tp:flags>`). */
  readonly flags: boolean;
  readonly values: readonly EnumValue[];
  /** The interface in which it stands; undefined for an enumeration of the node. */
  readonly interfaceName: string | undefined;
}

/** Which way an argument travels. The arguments of signals are `out`. */
export type Direction = 'in' | 'out';

/** An argument of a method or signal. */
export interface Arg extends Described {
  /** Empty when the document gives no name, or an empty one. */
  readonly name: string;
  readonly direction: Direction;
  readonly type: DbusType;
  /** The same type as text, as in the document. */
  readonly signature: string;
  /** The enumeration its values are from (attribute `tp:type`). Others may arrive: the wire does not enforce it. */
  readonly enumeration: Enum | undefined;
}

/** A method. `args` has both directions in document order; `inputs` and `outputs` are the same objects. */
export interface Method extends Described {
  readonly kind: 'method';
  readonly name: string;
  readonly args: readonly Arg[];
  readonly inputs: readonly Arg[];
  readonly outputs: readonly Arg[];
}

/** A signal. */
export interface Signal extends Described {
  readonly kind: 'signal';
  readonly name: string;
  readonly args: readonly Arg[];
}

/** What clients may do with a property. */
export type Access = 'read' | 'write' | 'readwrite';

/** A property. Its name may hold dashes and dots: unlike that of a member it is never in a message header. */
export interface Property extends Described {
  readonly kind: 'property';
  readonly name: string;
  readonly access: Access;
  readonly type: DbusType;
  readonly signature: string;
  readonly enumeration: Enum | undefined;
}

/** What an interface consists of. */
export type Member = Method | Signal | Property;

/** An interface. `members` has all kinds in document order; the other three lists are the same objects by kind. */
export interface Interface extends Described {
  readonly name: string;
  readonly members: readonly Member[];
  readonly methods: readonly Method[];
  readonly signals: readonly Signal[];
  readonly properties: readonly Property[];
  readonly enums: readonly Enum[];
}

/** A node: the root of a document, or an object below it. */
export interface Node extends Described {
  /** Often a template such as `/vm/uuid` and no real object path; empty when not given. */
  readonly name: string;
  readonly interfaces: readonly Interface[];
  readonly enums: readonly Enum[];
  readonly nodes: readonly Node[];
}

/** A whole document. */
export interface Document {
  /** The file's name as it was given to the parser. */
  readonly file: string;
  /** The original text: what a server answers to Introspect. */
  readonly xml: string;
  readonly root: Node;
}
