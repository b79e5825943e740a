/** Which C identifiers stand for the names of a document. */
import type { Arg, Document, Interface, Method, Property, Signal } from '../../model/model.ts';
import { interfacesOf } from '../../model/walk.ts';
import { dotsToUnderscores } from '../../naming/case.ts';
import { argNames, NameTable, toIdentifier } from '../../naming/name-table.ts';

/** Keywords of C and C++, macros of the standard headers, and names that the generated code uses itself. */
export const RESERVED: ReadonlySet<string> = new Set(
  `auto break case char const continue default do double else enum extern float for goto if inline int long
   register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
   _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local
   alignas alignof bool constexpr nullptr static_assert thread_local true false typeof typeof_unqual
   asm and and_eq bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield compl concept
   consteval constinit const_cast decltype delete dynamic_cast explicit export friend mutable namespace new
   noexcept not not_eq operator or or_eq private protected public reinterpret_cast requires static_cast template
   this throw try typeid typename using virtual wchar_t xor xor_eq
   NULL EOF errno stdin stdout stderr linux unix i386 signal_unsafe
   target memory error userdata context handlers inputs outputs slot handler exported message status
   subscription reply all changed invalidated main`.split(/\s+/),
);

/** The identifiers of a document: functions and types share one scope in the linker and in headers. */
export interface DocumentNames {
  readonly interfaces: ReadonlyMap<string, InterfaceNames>;
}

/** The identifiers of one interface. */
export interface InterfaceNames {
  /** `org_example_Toaster`, with which all others begin. */
  readonly base: string;
  readonly methods: ReadonlyMap<Method, string>;
  readonly getters: ReadonlyMap<Property, string>;
  readonly setters: ReadonlyMap<Property, string>;
  readonly properties: string;
  readonly getAll: string;
  readonly onChanged: string;
  readonly changedHandler: string;
  /** Functions that subscribe, by signal. */
  readonly subscribers: ReadonlyMap<Signal, string>;
  /** Types of the functions that are told, by signal. */
  readonly signalHandlers: ReadonlyMap<Signal, string>;
  readonly emitters: ReadonlyMap<Signal, string>;
  readonly handlers: string;
  readonly description: string;
  readonly exporter: string;
}

/** Chooses the identifiers of a document. Methods come first and get the plain names. */
export function nameDocument(document: Document): DocumentNames {
  const table = new NameTable({ reserved: RESERVED });
  const all = interfacesOf(document);
  const methods = new Map(
    all.map((owner) => [
      owner.name,
      new Map(
        owner.methods.map((method) => [method, table.take(`${baseOf(owner)}_${method.name}`)]),
      ),
    ]),
  );
  const interfaces = new Map(
    all.map((owner) => [owner.name, nameInterface(owner, methods.get(owner.name), table)]),
  );
  return { interfaces };
}

function baseOf({ name }: Interface): string {
  return toIdentifier(dotsToUnderscores(name));
}

function nameInterface(
  owner: Interface,
  methods: ReadonlyMap<Method, string> = new Map(),
  table: NameTable,
): InterfaceNames {
  const base = baseOf(owner);
  const take = (name: string): string => table.take(`${base}_${name}`);
  const of = <T extends Property | Signal>(members: readonly T[], name: (wire: string) => string) =>
    new Map(members.map((member) => [member, take(name(member.name))] as const));
  return {
    base,
    methods,
    getters: of(
      owner.properties.filter(({ access }) => access !== 'write'),
      (name) => `get_${name}`,
    ),
    setters: of(
      owner.properties.filter(({ access }) => access !== 'read'),
      (name) => `set_${name}`,
    ),
    properties: take('properties'),
    getAll: take('get_all'),
    onChanged: take('on_properties_changed'),
    changedHandler: take('properties_changed_handler'),
    subscribers: of(owner.signals, (name) => `on_${name}`),
    signalHandlers: of(owner.signals, (name) => `${name}_handler`),
    emitters: of(owner.signals, (name) => `emit_${name}`),
    handlers: take('handlers'),
    description: take('interface'),
    exporter: take('export'),
  };
}

/** The identifiers of arguments, in document order; those of outputs begin with `out_`. */
export function namesOfArgs(args: readonly Arg[]): ReadonlyMap<Arg, string> {
  const table = new NameTable({ reserved: RESERVED });
  const named = (direction: Arg['direction']): readonly (readonly [Arg, string])[] => {
    const those = args.filter((arg) => arg.direction === direction);
    const wanted = those.map(({ name }, index) => {
      if (direction === 'in') return { name };
      return { name: `out_${name === '' ? index : name}` };
    });
    const names = argNames(wanted, { table, unnamed: 'arg' });
    return those.map((arg, index) => [arg, names[index] ?? ''] as const);
  };
  return new Map([...named('in'), ...named('out')]);
}

/** The identifiers of the arguments of a signal. */
export function namesOfSignalArgs({ args }: Signal): readonly string[] {
  return argNames(args, { table: new NameTable({ reserved: RESERVED }), unnamed: 'arg' });
}

/** The fields of a struct with the properties of an interface. */
export function namesOfFields(properties: readonly Property[]): readonly string[] {
  const table = new NameTable({ reserved: RESERVED });
  return properties.map(({ name }) => table.take(name));
}
