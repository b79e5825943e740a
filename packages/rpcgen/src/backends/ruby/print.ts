/** The files of a document: types, client and server. */
import { CodeWriter } from '../../emit/writer.ts';
import { emitsChanged, findTimeoutMs, isNoReply } from '../../model/annotations.ts';
import type { Arg, Document, Enum, EnumValue, Interface, Method } from '../../model/model.ts';
import { renderSignature } from '../../model/signature.ts';
import { interfacesOf } from '../../model/walk.ts';
import type { GenerateOptions, Side } from '../backend.ts';
import { docLines, memberDocLines } from '../doc-lines.ts';
import { servedInterfaces } from '../served-xml.ts';
import { errorsOf, errorsOfInterface } from '../typescript/names.ts';
import {
  moduleName,
  nameDocument,
  namesOfArgs,
  namesOfValues,
  type DocumentNames,
  type InterfaceNames,
} from './names.ts';

/** An interface on its way into a file. */
interface Print {
  readonly owner: Interface;
  readonly names: InterfaceNames;
  readonly document: DocumentNames;
}

type Options = Pick<GenerateOptions, 'objectName' | 'header'>;

/** Gives a text as a string literal that interpolates nothing. */
export function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('#', '\\#');
}

function comments(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `# ${line}`.trimEnd());
}

/** Opens a file and its module. */
function file(
  { objectName, header }: Options,
  {
    requires,
    docs,
    body,
  }: {
    readonly requires: readonly string[];
    readonly docs: readonly string[];
    readonly body: (writer: CodeWriter) => void;
  },
): string {
  const writer = new CodeWriter();
  writer.line('# frozen_string_literal: true', '', ...comments(header), '');
  writer.line(...requires.map((one) => `require_relative ${quoted(one)}`), '', ...comments(docs));
  return writer.block(`module ${moduleName(objectName)}`, 'end', () => body(writer)).text;
}

/** Gives the text of the file with enumerations and errors. */
export function printTypes(document: Document, options: Options): string {
  const names = nameDocument(document);
  return file(options, {
    requires: ['rpcgen_dbus'],
    docs: docLines(document.root),
    body: (writer) => {
      for (const [one, name] of names.enums) printEnum(writer, one, name);
      for (const { name, code } of errorsOf(document)) {
        writer.line(`# The error ${name}.`);
        writer.block(`class ${names.errors.get(name) ?? ''} < RpcgenDbus::Error`, 'end', () => {
          writer.line(`ERROR_NAME = ${quoted(name)}`);
          if (code !== undefined) writer.line(`CODE = ${code}`);
        });
      }
    },
  });
}

function printEnum(writer: CodeWriter, one: Enum, name: string): void {
  const constants = namesOfValues(one);
  writer.line(
    ...comments([`${one.flags ? 'Bits' : 'Values'} of type "${one.code}".`, ...docLines(one)]),
  );
  writer.block(`module ${name}`, 'end', () => {
    one.values.forEach((value, index) => {
      const docs = docLines(value);
      if (docs.length > 0) writer.line(...comments(docs));
      writer.line(`${constants[index] ?? ''} = ${literal(one, value)}`);
    });
  });
  writer.line();
}

function literal({ code }: Enum, { value }: EnumValue): string {
  if (code === 's') return quoted(value);
  if (code === 'b') return value === 'true' || value === '1' ? 'true' : 'false';
  return code === 'd' ? `Float(${quoted(String(Number(value)))})` : BigInt(value).toString();
}

/** Gives the text of the file of a side. */
export function printSide(document: Document, side: Side, options: Options): string {
  const names = nameDocument(document);
  const xml = side === 'server' ? servedInterfaces(document.xml) : new Map<string, string>();
  return file(options, {
    requires: ['rpcgen_dbus', `${options.objectName}_types`],
    docs: docLines(document.root),
    body: (writer) => {
      for (const owner of interfacesOf(document)) {
        const own = names.interfaces.get(owner);
        if (own === undefined) continue;
        const print = { owner, names: own, document: names };
        if (side === 'client') printClient(writer, print);
        else printServer(writer, print, xml.get(owner.name) ?? '');
      }
    },
  });
}

function printInterface(writer: CodeWriter, print: Print, xml: string): void {
  const { owner, names, document } = print;
  writer.block('INTERFACE = RpcgenDbus::Interface.new(', ')', () => {
    writer.line(`name: ${quoted(owner.name)},`);
    if (xml === '') writer.line('xml: "",');
    else {
      const lines = xml.split(/\r?\n/).map((line) => `${quoted(line)},`);
      writer.block('xml: [', '].join("\\n"),', () => writer.line(...lines));
    }
    printTable(
      writer,
      'methods_by_name',
      owner.methods.map((one) => [one.name, methodEntry(one, names)]),
    );
    printTable(
      writer,
      'signals',
      owner.signals.map(({ name, args }) => [name, quoted(signatureOf(args))]),
    );
    const properties = owner.properties.map((one) => {
      const [getter, setter] = [names.getters.get(one), names.setters.get(one)].map((name) =>
        name === undefined ? 'nil' : quoted(name),
      );
      const emits = quoted(emitsChanged(one, owner));
      const text = `RpcgenDbus::Property.new(type: ${quoted(one.signature)}, emits: ${emits}, getter: ${getter ?? ''}, setter: ${setter ?? ''})`;
      return [one.name, text] as const;
    });
    printTable(writer, 'properties', properties);
    const errors = errorsOfInterface(owner).map(({ name }) => document.errors.get(name) ?? '');
    writer.line(`errors: [${errors.join(', ')}]`);
  });
}

function printTable(
  writer: CodeWriter,
  name: string,
  rows: readonly (readonly [string, string])[],
): void {
  if (rows.length === 0) writer.line(`${name}: {},`);
  else {
    writer.block(`${name}: {`, '},', () => {
      writer.line(...rows.map(([key, value]) => `${quoted(key)} => ${value},`));
    });
  }
}

function methodEntry(method: Method, names: InterfaceNames): string {
  const timeoutMs = findTimeoutMs(method);
  const parts = [
    `input: ${quoted(signatureOf(method.inputs))}`,
    `output: ${quoted(signatureOf(method.outputs))}`,
    `attribute: ${quoted(names.methods.get(method) ?? '')}`,
    ...(isNoReply(method) ? ['no_reply: true'] : []),
    ...(timeoutMs === undefined ? [] : [`timeout: ${timeoutMs / 1000}`]),
  ];
  return `RpcgenDbus::Method.new(${parts.join(', ')})`;
}

function signatureOf(args: readonly Arg[]): string {
  return renderSignature(args.map(({ type }) => type));
}

function define(
  writer: CodeWriter,
  head: string,
  { docs, body }: { readonly docs: readonly string[]; readonly body: string },
): void {
  writer.line('', ...comments(docs)).block(`def ${head}`, 'end', () => writer.line(body));
}

/** Documentation, and the types that the language does not show. */
function methodDocs(method: Method, owner: Interface): readonly string[] {
  const names = namesOfArgs(method.inputs);
  const order = method.args.map((arg) =>
    arg.direction === 'in' ? (names[method.inputs.indexOf(arg)] ?? '') : arg.name,
  );
  const [takes, gives] = [signatureOf(method.inputs), signatureOf(method.outputs)];
  const types = `Takes "${takes}", gives "${gives}".`;
  return [...memberDocLines(method, owner, order), types];
}

function printClient(writer: CodeWriter, print: Print): void {
  const { owner, names } = print;
  writer.line('', ...comments([`Uses ${owner.name} of an object on the bus.`, ...docLines(owner)]));
  writer.block(`class ${names.client} < RpcgenDbus::InterfaceClient`, 'end', () => {
    printInterface(writer, print, '');
    for (const [method, name] of names.methods) {
      const args = namesOfArgs(method.inputs);
      define(writer, `${name}(${[...args, 'timeout: nil'].join(', ')})`, {
        docs: methodDocs(method, owner),
        body: `invoke(${quoted(method.name)}, [${args.join(', ')}], timeout)`,
      });
    }
    for (const [property, name] of names.getters) {
      define(writer, `${name}(timeout: nil)`, {
        docs: memberDocLines(property, owner),
        body: `read_property(${quoted(property.name)}, timeout)`,
      });
    }
    for (const [property, name] of names.setters) {
      define(writer, `${name}(value, timeout: nil)`, {
        docs: memberDocLines(property, owner),
        body: `write_property(${quoted(property.name)}, value, timeout)`,
      });
    }
    if (owner.properties.length > 0) {
      define(writer, 'get_all_properties(timeout: nil)', {
        docs: ['All properties that the object has and this document knows.'],
        body: 'read_properties(timeout)',
      });
      define(writer, 'on_properties_changed(&block)', {
        docs: ['Yields new values, and names of properties to ask for.'],
        body: 'subscribe_changes(&block)',
      });
    }
    for (const [signal, name] of names.subscribers) {
      define(writer, `${name}(&block)`, {
        docs: [...memberDocLines(signal, owner), `Yields "${signatureOf(signal.args)}".`],
        body: `subscribe(${quoted(signal.name)}, &block)`,
      });
    }
  });
}

function printServer(writer: CodeWriter, print: Print, xml: string): void {
  const { owner, names } = print;
  const missing = (name: string): string => `raise RpcgenDbus.not_implemented(${quoted(name)})`;
  writer.line(
    '',
    ...comments([`Serves ${owner.name}: override what it does.`, ...docLines(owner)]),
  );
  writer.block(`class ${names.server} < RpcgenDbus::InterfaceServer`, 'end', () => {
    printInterface(writer, print, xml);
    for (const [method, name] of names.methods) {
      const args = namesOfArgs(method.inputs);
      define(writer, `${name}(${[...args, '_context'].join(', ')})`, {
        docs: methodDocs(method, owner),
        body: missing(method.name),
      });
    }
    for (const [property, name] of names.getters) {
      define(writer, name, { docs: memberDocLines(property, owner), body: missing(property.name) });
    }
    for (const [property, name] of names.setters) {
      define(writer, `${name}(_value, _context)`, {
        docs: memberDocLines(property, owner),
        body: missing(property.name),
      });
    }
    for (const [signal, name] of names.emitters) {
      const args = namesOfArgs(signal.args);
      define(writer, args.length === 0 ? name : `${name}(${args.join(', ')})`, {
        docs: [...memberDocLines(signal, owner, args), `Takes "${signatureOf(signal.args)}".`],
        body: `emit_signal(${quoted(signal.name)}, [${args.join(', ')}])`,
      });
    }
  });
}
