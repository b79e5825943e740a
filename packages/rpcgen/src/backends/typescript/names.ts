/** Which TypeScript identifiers stand for the names of a document. */
import { enumsOf, interfacesOf } from '../../model/walk.ts';
import { declaredErrors } from '../../model/annotations.ts';
import type { Document, Enum, Interface } from '../../model/model.ts';
import { capitalise } from '../../naming/case.ts';
import { NameTable, toIdentifier } from '../../naming/name-table.ts';

/** Words that no identifier of generated code may be. */
export const RESERVED: ReadonlySet<string> = new Set(
  `abstract any arguments as async await bigint boolean break case catch class const constructor continue
   debugger declare default delete do else enum eval export extends false finally for from function get if
   implements import in infer instanceof interface is keyof let module namespace never new null number object
   of package private protected public readonly require return set static string super switch symbol this
   throw true try type typeof undefined unique unknown using var void while with yield NaN Infinity
   Promise Map Uint8Array ReadonlyMap rt options context`.split(/\s+/),
);

/** Members of a client that a method cannot be named after; `then` would make the client look like a promise. */
export const CLIENT_MEMBERS: ReadonlySet<string> = new Set(
  `constructor then properties signals invoke prototype __proto__ hasOwnProperty isPrototypeOf
   propertyIsEnumerable toLocaleString toString valueOf toJSON`.split(/\s+/),
);

/** The identifiers of one interface. */
export interface InterfaceNames {
  readonly base: string;
  readonly description: string;
  readonly signals: string;
  readonly properties: string;
  readonly readable: string;
  readonly writable: string;
  readonly client: string;
  readonly handlers: string;
  readonly exporter: string;
  readonly implementer: string;
}

/** The identifiers of a document; the same for the same document. */
export interface DocumentNames {
  readonly interfaces: ReadonlyMap<string, InterfaceNames>;
  readonly enums: ReadonlyMap<Enum, string>;
  /** By D-Bus error name. */
  readonly errors: ReadonlyMap<string, string>;
}

/** `org.example.vm_nic` gives `OrgExampleVmNic`. */
export function pascalCase(name: string): string {
  return toIdentifier(
    name
      .split(/[^A-Za-z0-9]+/)
      .map(capitalise)
      .join(''),
  );
}

/** Chooses the identifiers of a document. */
export function nameDocument(document: Document): DocumentNames {
  const table = new NameTable({ reserved: RESERVED });
  const interfaces = new Map<string, InterfaceNames>();
  for (const { name } of interfacesOf(document)) interfaces.set(name, nameInterface(name, table));
  const enums = new Map(enumsOf(document).map((one) => [one, table.take(toIdentifier(one.name))]));
  const errors = new Map(
    errorsOf(document).map(({ name }) => [name, table.take(pascalCase(name))]),
  );
  return { interfaces, enums, errors };
}

function nameInterface(name: string, table: NameTable): InterfaceNames {
  const base = pascalCase(name);
  const take = (suffix: string): string => table.take(`${base}${suffix}`);
  return {
    base,
    description: take('Description'),
    signals: take('Signals'),
    properties: take('Properties'),
    readable: take('Readable'),
    writable: take('Writable'),
    client: take('Client'),
    handlers: take('Handlers'),
    exporter: table.take(`export${base}`),
    implementer: table.take(`implement${base}`),
  };
}

/** The errors that any method of a document declares, each once. */
export function errorsOf(
  document: Document,
): readonly { readonly name: string; readonly code: number | undefined }[] {
  const all = new Map(
    interfacesOf(document).flatMap((owner) =>
      errorsOfInterface(owner).map((error) => [error.name, error] as const),
    ),
  );
  return [...all.values()];
}

/** The errors that the methods of an interface declare, each once. */
export function errorsOfInterface(
  owner: Interface,
): readonly { readonly name: string; readonly code: number | undefined }[] {
  const all = new Map(
    owner.methods.flatMap((method) =>
      declaredErrors(method, owner).map((error) => [error.name, error] as const),
    ),
  );
  return [...all.values()];
}
