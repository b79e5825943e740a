/** Which Python identifiers stand for the names of a document. */
import { enumsOf, interfacesOf } from '../../model/walk.ts';
import type { Document, Enum, Interface, Method, Property, Signal } from '../../model/model.ts';
import { argNames, NameTable } from '../../naming/name-table.ts';
import { errorsOf, pascalCase } from '../typescript/names.ts';

const KEYWORDS = `False None True and as assert async await break class continue def del elif else except finally
  for from global if import in is lambda nonlocal not or pass raise return try while with yield match case type _`;

/** Types in the hints of a class, which a method of that name would hide. */
const TYPES =
  'int bool float str bytes list dict tuple property Any Callable Dict List Optional Tuple rt types';

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));

const MODULE_RESERVED = words(`${KEYWORDS} ${TYPES}`);
const ARG_RESERVED = words(`${KEYWORDS} ${TYPES} self timeout context handler value`);
const MEMBER_RESERVED = words(
  `${KEYWORDS} ${TYPES} INTERFACE _connection _destination _path _message _send _error _call _get _set
   _get_all _known _subscribe _on _on_changed _tree _emit _send_signal _changed _value _values changed
   get_all_properties on_properties_changed`,
);

/** The identifiers of one interface, the same for its client and its server. */
export interface InterfaceNames {
  readonly client: string;
  readonly server: string;
  readonly constant: string;
  readonly properties: string;
  readonly methods: ReadonlyMap<Method, string>;
  readonly getters: ReadonlyMap<Property, string>;
  readonly setters: ReadonlyMap<Property, string>;
  readonly subscribers: ReadonlyMap<Signal, string>;
  readonly emitters: ReadonlyMap<Signal, string>;
}

/** The identifiers of a document. */
export interface DocumentNames {
  readonly interfaces: ReadonlyMap<Interface, InterfaceNames>;
  readonly enums: ReadonlyMap<Enum, string>;
  /** By D-Bus error name. */
  readonly errors: ReadonlyMap<string, string>;
}

/** Chooses the identifiers of a document. */
export function nameDocument(document: Document): DocumentNames {
  const table = new NameTable({ reserved: MODULE_RESERVED });
  return {
    interfaces: new Map(
      interfacesOf(document).map((owner) => [owner, nameInterface(owner, table)] as const),
    ),
    enums: new Map(enumsOf(document).map((one) => [one, table.take(plain(one.name))] as const)),
    errors: new Map(
      errorsOf(document).map(({ name }) => [name, table.take(pascalCase(name))] as const),
    ),
  };
}

function nameInterface(owner: Interface, table: NameTable): InterfaceNames {
  const base = pascalCase(owner.name);
  const members = new NameTable({ reserved: MEMBER_RESERVED });
  const of = <T extends Method | Property | Signal>(list: readonly T[], start: string) =>
    new Map(list.map((one) => [one, members.take(`${start}${plain(one.name)}`)] as const));
  return {
    client: table.take(`${base}Client`),
    server: table.take(`${base}Server`),
    constant: table.take(`${base}Interface`),
    properties: table.take(`${base}Properties`),
    methods: of(owner.methods, ''),
    getters: of(
      owner.properties.filter(({ access }) => access !== 'write'),
      'get_',
    ),
    setters: of(
      owner.properties.filter(({ access }) => access !== 'read'),
      'set_',
    ),
    subscribers: of(owner.signals, 'on_'),
    emitters: of(owner.signals, 'emit_'),
  };
}

/** Names with two underscores in front mean something to the language. */
function plain(name: string): string {
  return name.startsWith('__') ? `x${name}` : name;
}

/** A table for the names inside an enumeration. */
export function enumTable(): NameTable {
  return new NameTable({ reserved: MODULE_RESERVED });
}

/** The identifiers of arguments in one scope. */
export function namesOfArgs(args: readonly { readonly name: string }[]): readonly string[] {
  const plainArgs = args.map(({ name }) => ({ name: plain(name) }));
  return argNames(plainArgs, { table: new NameTable({ reserved: ARG_RESERVED }), unnamed: 'arg' });
}
