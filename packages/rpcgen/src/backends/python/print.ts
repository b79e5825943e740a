/** The modules of a document: types, client and server. */
import { CodeWriter } from '../../emit/writer.ts';
import { emitsChanged, findTimeoutMs, isNoReply } from '../../model/annotations.ts';
import type { Arg, Document, Interface, Method, Property, Signal } from '../../model/model.ts';
import { renderSignature } from '../../model/signature.ts';
import { interfacesOf } from '../../model/walk.ts';
import type { GenerateOptions, Side } from '../backend.ts';
import { docLines, memberDocLines } from '../doc-lines.ts';
import { servedInterfaces } from '../served-xml.ts';
import { errorsOf, errorsOfInterface } from '../typescript/names.ts';
import {
  enumTable,
  namesOfArgs,
  nameDocument,
  type DocumentNames,
  type InterfaceNames,
} from './names.ts';
import { comments, docstring, enumLiteral, quoted, renderHint, tupleHint } from './text.ts';

/** An interface on its way into a module. */
interface Print {
  readonly owner: Interface;
  readonly names: InterfaceNames;
  readonly document: DocumentNames;
}

const UNIT = '    ';

/** Gives the text of the module with enumerations and errors. */
export function printTypes(document: Document, header: readonly string[]): string {
  const writer = new CodeWriter(UNIT);
  const names = nameDocument(document);
  writer.line(...comments(header), ...docstring(docLines(document.root)));
  writer.line('', 'from __future__ import annotations', '', 'import rpcgen_dbus as rt');
  for (const [one, name] of names.enums) {
    const table = enumTable();
    writer.line('', '', `class ${name}:`).indent(() => {
      const about = `${one.flags ? 'Bits' : 'Values'} of type "${one.code}".`;
      writer.line(...docstring([about, ...docLines(one)]), '');
      for (const value of one.values) {
        const own = docLines(value);
        if (own.length > 0) writer.line(...comments(own));
        writer.line(`${table.take(value.suffix)} = ${enumLiteral(one, value)}`);
      }
    });
  }
  for (const { name, code } of errorsOf(document)) {
    writer.line('', '', `class ${names.errors.get(name) ?? ''}(rt.DbusError):`).indent(() => {
      writer.line(`"""The error ${name}."""`, '', `error_name = ${quoted(name)}`);
      if (code !== undefined) writer.line(`error_code = ${code}`);
    });
  }
  return writer.text;
}

/** Gives the text of the module of a side. */
export function printSide(
  document: Document,
  side: Side,
  { module, header }: ModuleOptions,
): string {
  const writer = new CodeWriter(UNIT);
  const names = nameDocument(document);
  const xml = side === 'server' ? servedInterfaces(document.xml) : new Map<string, string>();
  writer.line(...comments(header), ...docstring(docLines(document.root)));
  writer.line('', 'from __future__ import annotations', '');
  writer.line('from typing import Any, Callable, Dict, List, Optional, Tuple, TypedDict', '');
  writer.line('import rpcgen_dbus as rt', `import ${module}_types as types`);
  for (const owner of interfacesOf(document)) {
    const own = names.interfaces.get(owner);
    if (own === undefined) continue;
    const print = { owner, names: own, document: names };
    printInterface(writer, print, side === 'server' ? (xml.get(owner.name) ?? '') : undefined);
    if (side === 'client') printClient(writer, print);
    else printServer(writer, print);
  }
  return writer.text;
}

/** What a module is named after. */
export interface ModuleOptions extends Pick<GenerateOptions, 'header'> {
  readonly module: string;
}

function printInterface(writer: CodeWriter, print: Print, xml: string | undefined): void {
  const { owner, names, document } = print;
  writer.line('', '', `${names.constant} = rt.Interface(`).indent(() => {
    writer.line(`name=${quoted(owner.name)},`);
    if (xml !== undefined && xml !== '') {
      writer.block('xml="\\n".join([', ']),', () => {
        writer.line(...xml.split(/\r?\n/).map((line) => `${quoted(line)},`));
      });
    }
    printTable(
      writer,
      'methods',
      owner.methods.map((one) => [one.name, methodEntry(one, names)]),
    );
    printTable(
      writer,
      'signals',
      owner.signals.map((one) => [one.name, quoted(signatureOf(one.args))]),
    );
    printTable(
      writer,
      'properties',
      owner.properties.map((one) => [one.name, propertyEntry(one, print)]),
    );
    const errors = errorsOfInterface(owner).map(
      ({ name }) => `types.${document.errors.get(name) ?? ''},`,
    );
    if (errors.length > 0) writer.line(`errors=(${errors.join(' ')}),`);
  });
  writer.line(')');
}

function printTable(
  writer: CodeWriter,
  name: string,
  rows: readonly (readonly [string, string])[],
): void {
  if (rows.length === 0) return;
  writer.block(`${name}={`, '},', () => {
    writer.line(...rows.map(([key, value]) => `${quoted(key)}: ${value},`));
  });
}

function methodEntry(method: Method, names: InterfaceNames): string {
  const timeoutMs = findTimeoutMs(method);
  const parts = [
    quoted(signatureOf(method.inputs)),
    quoted(signatureOf(method.outputs)),
    quoted(names.methods.get(method) ?? ''),
    ...(isNoReply(method) ? ['no_reply=True'] : []),
    ...(timeoutMs === undefined ? [] : [`timeout=${timeoutMs / 1000}`]),
  ];
  return `rt.Method(${parts.join(', ')})`;
}

function propertyEntry(property: Property, { owner, names }: Print): string {
  const emits = emitsChanged(property, owner);
  const accessors = [names.getters.get(property), names.setters.get(property)];
  return `rt.Property(${[property.signature, emits, ...accessors].map((part) => quoted(part ?? '')).join(', ')})`;
}

function signatureOf(args: readonly Arg[]): string {
  return renderSignature(args.map(({ type }) => type));
}

function resultHint({ outputs }: Method): string {
  const [first, ...more] = outputs;
  if (first === undefined) return 'None';
  return more.length === 0 ? renderHint(first.type) : tupleHint(outputs.map(({ type }) => type));
}

/** Writes a function: its head, its docstring and its one line. */
function define(
  writer: CodeWriter,
  head: string,
  { docs, body }: { readonly docs: readonly string[]; readonly body: string },
): void {
  writer.line('', `def ${head}:`).indent(() => {
    if (docs.length > 0) writer.line(...docstring(docs));
    writer.line(body);
  });
}

function parameters(args: readonly Arg[]): readonly string[] {
  const names = namesOfArgs(args);
  return args.map(({ type }, index) => `${names[index] ?? ''}: ${renderHint(type)}`);
}

function values(args: readonly Arg[]): string {
  const names = namesOfArgs(args);
  return names.length === 1 ? `(${names[0] ?? ''},)` : `(${names.join(', ')})`;
}

function methodDocs(method: Method, owner: Interface): readonly string[] {
  const names = namesOfArgs(method.inputs);
  const order = method.args.map((arg) =>
    arg.direction === 'in' ? (names[method.inputs.indexOf(arg)] ?? '') : arg.name,
  );
  return memberDocLines(method, owner, order);
}

const TIMEOUT = ['*', 'timeout: Optional[float] = None'];

function printClient(writer: CodeWriter, { owner, names }: Print): void {
  if (owner.properties.length > 0) {
    const head = `${names.properties} = TypedDict(${quoted(names.properties)}, {`;
    writer.line('', '').block(head, '}, total=False)', () => {
      for (const { name, type } of owner.properties)
        writer.line(`${quoted(name)}: ${renderHint(type)},`);
    });
  }
  writer.line('', '', `class ${names.client}(rt.InterfaceClient):`).indent(() => {
    writer.line(...docstring([`Uses ${owner.name} of an object on the bus.`, ...docLines(owner)]));
    writer.line('', `INTERFACE = ${names.constant}`);
    for (const [method, name] of names.methods) {
      const list = ['self', ...parameters(method.inputs), ...TIMEOUT].join(', ');
      define(writer, `${name}(${list}) -> ${resultHint(method)}`, {
        docs: methodDocs(method, owner),
        body: `${method.outputs.length > 0 ? 'return ' : ''}self._call(${quoted(method.name)}, ${values(method.inputs)}, timeout)`,
      });
    }
    printClientProperties(writer, owner, names);
    for (const [signal, name] of names.subscribers)
      printSubscriber(writer, signal, { owner, name });
  });
}

function printClientProperties(writer: CodeWriter, owner: Interface, names: InterfaceNames): void {
  for (const [property, name] of names.getters) {
    define(writer, `${name}(self, ${TIMEOUT.join(', ')}) -> ${renderHint(property.type)}`, {
      docs: memberDocLines(property, owner),
      body: `return self._get(${quoted(property.name)}, timeout)`,
    });
  }
  for (const [property, name] of names.setters) {
    const list = ['self', `value: ${renderHint(property.type)}`, ...TIMEOUT].join(', ');
    define(writer, `${name}(${list}) -> None`, {
      docs: memberDocLines(property, owner),
      body: `self._set(${quoted(property.name)}, value, timeout)`,
    });
  }
  if (owner.properties.length === 0) return;
  define(writer, `get_all_properties(self, ${TIMEOUT.join(', ')}) -> ${names.properties}`, {
    docs: ['All properties that the object has and this document knows.'],
    body: 'return self._get_all(timeout)',
  });
  const handler = `Callable[[${names.properties}, List[str]], None]`;
  define(writer, `on_properties_changed(self, handler: ${handler}) -> Any`, {
    docs: ['Calls with new values, and names of properties to ask for; the result has remove().'],
    body: 'return self._on_changed(handler)',
  });
}

function printSubscriber(
  writer: CodeWriter,
  signal: Signal,
  { owner, name }: { readonly owner: Interface; readonly name: string },
): void {
  const hints = signal.args.map(({ type }) => renderHint(type)).join(', ');
  define(writer, `${name}(self, handler: Callable[[${hints}], None]) -> Any`, {
    docs: memberDocLines(signal, owner, namesOfArgs(signal.args)),
    body: `return self._on(${quoted(signal.name)}, handler)`,
  });
}

function printServer(writer: CodeWriter, { owner, names }: Print): void {
  writer.line('', '', `class ${names.server}(rt.InterfaceServer):`).indent(() => {
    writer.line(...docstring([`Serves ${owner.name}: override what it does.`, ...docLines(owner)]));
    writer.line('', `INTERFACE = ${names.constant}`);
    const missing = (name: string): string => `raise rt.not_implemented(${quoted(name)})`;
    for (const [method, name] of names.methods) {
      const list = ['self', ...parameters(method.inputs), 'context: rt.CallContext'].join(', ');
      define(writer, `${name}(${list}) -> ${resultHint(method)}`, {
        docs: methodDocs(method, owner),
        body: missing(method.name),
      });
    }
    for (const [property, name] of names.getters) {
      define(writer, `${name}(self) -> ${renderHint(property.type)}`, {
        docs: memberDocLines(property, owner),
        body: missing(property.name),
      });
    }
    for (const [property, name] of names.setters) {
      const list = `self, value: ${renderHint(property.type)}, context: rt.CallContext`;
      define(writer, `${name}(${list}) -> None`, {
        docs: memberDocLines(property, owner),
        body: missing(property.name),
      });
    }
    for (const [signal, name] of names.emitters) {
      define(writer, `${name}(${['self', ...parameters(signal.args)].join(', ')}) -> None`, {
        docs: memberDocLines(signal, owner, namesOfArgs(signal.args)),
        body: `self._emit(${quoted(signal.name)}, ${values(signal.args)})`,
      });
    }
    if (owner.properties.length > 0) {
      define(writer, 'changed(self, *names: str) -> None', {
        docs: [
          'Tells that properties have changed, as their annotations say. Set does it by itself.',
        ],
        body: 'self._changed(names)',
      });
    }
  });
}
