/**
 * The annotations that mean something to every backend, read from the model. All others stay in the lists of the
 * model and in the original text. Sources: D-Bus specification, "Introspection Data Format"; systemd's
 * `sd-bus-vtable.h`; GLib's gdbus-codegen manual; sdbus-c++ and Chromium for time-outs and declared errors.
 */
import type { Annotation, Described, Interface, Method, Property } from './model.ts';

/** The names of the annotations read here. */
export const ANNOTATION = {
  deprecated: 'org.freedesktop.DBus.Deprecated',
  noReply: 'org.freedesktop.DBus.Method.NoReply',
  timeout: 'org.freedesktop.DBus.Method.Timeout',
  error: 'org.freedesktop.DBus.Method.Error',
  emitsChanged: 'org.freedesktop.DBus.Property.EmitsChangedSignal',
  docString: 'org.gtk.GDBus.DocString',
  since: 'org.gtk.GDBus.Since',
  sensitive: 'org.xenops.Rpcgen.Sensitive',
  errors: 'org.xenops.Rpcgen.Errors',
} as const;

/** What PropertiesChanged says when a property changes. */
export type EmitsChanged = 'true' | 'invalidates' | 'const' | 'false';

/** An error that a method says it may answer with. */
export interface DeclaredError {
  /** The D-Bus name. */
  readonly name: string;
  /** The number of services that number their errors. */
  readonly code: number | undefined;
}

/** Gives the value of an annotation, or undefined. The first of several counts. */
export function findAnnotation(
  described: { readonly annotations: readonly Annotation[] },
  name: string,
): string | undefined {
  return described.annotations.find((annotation) => annotation.name === name)?.value;
}

/** Tells whether a thing is marked as deprecated. */
export function isDeprecated(described: Described): boolean {
  return findAnnotation(described, ANNOTATION.deprecated) === 'true';
}

/** Tells whether a method is called without waiting for a reply. Such a method has no outputs. */
export function isNoReply(method: Method): boolean {
  return findAnnotation(method, ANNOTATION.noReply) === 'true';
}

/** Tells whether a value must not appear in logs. */
export function isSensitive(described: Described): boolean {
  return findAnnotation(described, ANNOTATION.sensitive) === 'true';
}

/** Gives the release in which a thing appeared, or undefined. */
export function findSince(described: Described): string | undefined {
  return findAnnotation(described, ANNOTATION.since);
}

/** Gives what PropertiesChanged says of a property: its own annotation, else the interface's, else `true`. */
export function emitsChanged(property: Property, owner: Interface): EmitsChanged {
  const value =
    findAnnotation(property, ANNOTATION.emitsChanged) ??
    findAnnotation(owner, ANNOTATION.emitsChanged);
  switch (value) {
    case 'invalidates':
    case 'const':
    case 'false':
      return value;
    default:
      return 'true';
  }
}

/** Gives the time-out that a method asks for, or undefined. The annotation is in microseconds, as in sdbus-c++. */
export function findTimeoutMs(method: Method): number | undefined {
  const value = findAnnotation(method, ANNOTATION.timeout);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) / 1000 : undefined;
}

/**
 * Gives the errors that a method declares, and those of its interface, each once. The value of our own annotation
 * is a list of `name` or `name=code`, separated by spaces; `Method.Error` holds one name.
 */
export function declaredErrors(method: Method, owner: Interface): readonly DeclaredError[] {
  const byName = new Map<string, DeclaredError>();
  for (const { name, value } of [...method.annotations, ...owner.annotations]) {
    if (name !== ANNOTATION.errors && name !== ANNOTATION.error) continue;
    for (const item of value.split(/[\s,]+/).filter((part) => part !== '')) {
      const [error = '', code] = item.split('=');
      if (byName.has(error)) continue;
      byName.set(error, { name: error, code: code === undefined ? undefined : Number(code) });
    }
  }
  return [...byName.values()];
}
