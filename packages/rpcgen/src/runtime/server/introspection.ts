/** The document that a server shows: the elements of the original, those of the standard interfaces, and children. */
import { PROPERTIES_XML, OBJECT_MANAGER_XML, BASE_XML } from './standard-interfaces.ts';

const DOCTYPE =
  '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n' +
  ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">';

/** What is to be seen at a path. */
export interface Visible {
  /** The `<interface>` elements. */
  readonly interfaces: readonly string[];
  /** There is an object, and not only a folder of objects. */
  readonly isObject: boolean;
  readonly isManager: boolean;
  /** Names of the nodes right below. */
  readonly children: readonly string[];
}

/** Gives the document. */
export function renderIntrospection({
  interfaces,
  isObject,
  isManager,
  children,
}: Visible): string {
  return [
    DOCTYPE,
    '<node>',
    ...interfaces.map((xml) => `  ${xml}`),
    BASE_XML,
    ...(isObject ? [PROPERTIES_XML] : []),
    ...(isManager ? [OBJECT_MANAGER_XML] : []),
    ...children.map((name) => `  <node name="${name}"/>`),
    '</node>',
    '',
  ].join('\n');
}
