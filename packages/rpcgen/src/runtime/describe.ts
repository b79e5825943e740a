/** What generated code tells the run-time about an interface: plain data, made from the IDL. */
import type { DbusErrorClass } from './errors.ts';

/** What PropertiesChanged says when the property changes: its value, its name only, or nothing. */
export type EmitsChanged = 'true' | 'invalidates' | 'const' | 'false';

/** A method: the signatures of its arguments and results. */
export interface MethodDescription {
  readonly input: string;
  readonly output: string;
  /** The call is sent without asking for a reply. */
  readonly noReply?: boolean;
  /** The time-out that the IDL asks for. */
  readonly timeoutMs?: number;
}

/** A property. */
export interface PropertyDescription {
  readonly type: string;
  readonly access: 'read' | 'write' | 'readwrite';
  readonly emitsChanged: EmitsChanged;
}

/** An interface. The names are those on the wire. */
export interface InterfaceDescription {
  readonly name: string;
  /** The element of the original document that a server shows to Introspect. */
  readonly xml: string;
  readonly methods: Readonly<Record<string, MethodDescription>>;
  /** The signature of each signal. */
  readonly signals: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, PropertyDescription>>;
  /** Classes of the errors that the methods declare. */
  readonly errors: readonly DbusErrorClass[];
}

/** Gives a member that was described, and nothing that every object has, such as `constructor`. */
export function findMember<T>(members: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}
