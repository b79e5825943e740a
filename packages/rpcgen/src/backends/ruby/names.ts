/** Which Ruby identifiers stand for the names of a document. */
import type { Document, Enum, Interface, Method, Property, Signal } from '../../model/model.ts';
import { enumsOf, interfacesOf } from '../../model/walk.ts';
import { capitalise, decapitalise } from '../../naming/case.ts';
import { argNames, NameTable, toIdentifier } from '../../naming/name-table.ts';
import { errorsOf, pascalCase } from '../typescript/names.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));

const KEYWORDS = `BEGIN END __ENCODING__ __FILE__ __LINE__ __method__ alias and begin break case class def defined do else
  elsif end ensure false for if in module next nil not or redo rescue retry return self super then true undef unless
  until when while yield`;

/** What every object can do, and must go on doing, and what the support classes have. */
const MEMBER_RESERVED = words(
  `${KEYWORDS} __id__ __send__ binding clone define_singleton_method display dup enum_for eql equal extend freeze
  frozen hash initialize initialize_clone initialize_copy initialize_dup inspect instance_eval instance_exec
  instance_of instance_variable_get instance_variable_set instance_variables is_a itself kind_of lambda loop method
  method_missing methods object_id private_methods proc protected_methods public_method public_methods public_send
  raise require respond_to respond_to_missing send singleton_class singleton_method singleton_methods tap then to_enum
  to_s yield_self interface_description send_call invoke finish standard read_property write_property read_properties
  known_properties subscribe subscribe_changes exported_at property_values changed emit_signal send_signal
  get_all_properties on_properties_changed`,
);
const ARG_RESERVED = words(`${KEYWORDS} timeout context value block`);
const CONSTANT_RESERVED = words(
  'BEGIN END Object Module Class String Integer Float Array Hash Struct INTERFACE Kernel DBus',
);

/** The identifiers of one interface, the same for its client and its server. */
export interface InterfaceNames {
  readonly client: string;
  readonly server: string;
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

/** Constants begin with a capital. */
function constant(name: string): string {
  const text = capitalise(toIdentifier(name));
  return /^[A-Z]/.test(text) ? text : `X${text}`;
}

/** The module around everything of a document: `toaster` gives `ToasterDBus`. */
export function moduleName(objectName: string): string {
  return constant(`${pascalCase(objectName)}DBus`);
}

/** Chooses the identifiers of a document. */
export function nameDocument(document: Document): DocumentNames {
  const table = new NameTable({ reserved: CONSTANT_RESERVED });
  return {
    interfaces: new Map(
      interfacesOf(document).map((owner) => [owner, nameInterface(owner, table)] as const),
    ),
    enums: new Map(enumsOf(document).map((one) => [one, table.take(constant(one.name))] as const)),
    errors: new Map(
      errorsOf(document).map(({ name }) => [name, table.take(constant(pascalCase(name)))] as const),
    ),
  };
}

function nameInterface(owner: Interface, table: NameTable): InterfaceNames {
  const base = constant(pascalCase(owner.name));
  const members = new NameTable({ reserved: MEMBER_RESERVED });
  const of = <T extends Method | Property | Signal>(list: readonly T[], start: string) =>
    new Map(list.map((one) => [one, members.take(`${start}${one.name}`)] as const));
  return {
    client: table.take(`${base}Client`),
    server: table.take(`${base}Server`),
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

/** The constants of an enumeration. */
export function namesOfValues({ values }: Enum): readonly string[] {
  const table = new NameTable({ reserved: CONSTANT_RESERVED });
  return values.map(({ suffix }) => table.take(constant(suffix)));
}

/** The identifiers of arguments in one scope; none can begin with a capital. */
export function namesOfArgs(args: readonly { readonly name: string }[]): readonly string[] {
  const lower = args.map(({ name }) => ({ name: decapitalise(name) }));
  return argNames(lower, { table: new NameTable({ reserved: ARG_RESERVED }), unnamed: 'arg' });
}
