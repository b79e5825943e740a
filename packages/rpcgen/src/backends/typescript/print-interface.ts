/** One interface: its description, its types, its client and its server. */
import { emitsChanged, findTimeoutMs, isDeprecated, isNoReply } from '../../model/annotations.ts';
import type { Arg, Interface, Method, Property } from '../../model/model.ts';
import { renderSignature } from '../../model/signature.ts';
import type { CodeWriter } from '../../emit/writer.ts';
import { argNames, NameTable } from '../../naming/name-table.ts';
import { renderDocComment } from './doc-comment.ts';
import { propertyKey, quoted, renderCallable, writeLines, type Form } from './form.ts';
import {
  CLIENT_MEMBERS,
  errorsOfInterface,
  RESERVED,
  type DocumentNames,
  type InterfaceNames,
} from './names.ts';
import { renderTyped, type Way } from './types.ts';

/** What printing an interface takes. */
export interface InterfacePrint {
  readonly form: Form;
  readonly owner: Interface;
  readonly names: InterfaceNames;
  readonly document: DocumentNames;
  /** The element that a server shows; empty when no server is generated. */
  readonly xml: string;
}

/** Prints the types of signals and properties, and the description for the run-time. */
export function printDescription(writer: CodeWriter, print: InterfacePrint): void {
  if (print.form !== 'js') printMaps(writer, print);
  const { form, owner, names } = print;
  writer.line(`/** The interface \`${owner.name}\`. */`);
  if (form === 'dts') {
    writer.line(`export declare const ${names.description}: rt.InterfaceDescription;`, '');
    return;
  }
  const type = form === 'ts' ? ': rt.InterfaceDescription' : '';
  writer.block(`export const ${names.description}${type} = {`, '};', () => {
    writer.line(`name: ${quoted(owner.name)},`);
    printXml(writer, print.xml);
    printRows(writer, 'methods', owner.methods.map(methodRow));
    printRows(
      writer,
      'signals',
      owner.signals.map(({ name, args }) => `${propertyKey(name)}: ${quoted(signatureOf(args))},`),
    );
    printRows(
      writer,
      'properties',
      owner.properties.map((property) => propertyRow(property, print)),
    );
    const errors = errorsOfInterface(owner).map(
      ({ name }) => print.document.errors.get(name) ?? '',
    );
    writer.line(`errors: [${errors.join(', ')}],`);
  });
  writer.line();
}

function printXml(writer: CodeWriter, xml: string): void {
  if (xml === '') writer.line("xml: '',");
  else {
    const lines = xml.split(/\r?\n/).map((line) => `${quoted(line)},`);
    writer.block('xml: [', "].join('\\n'),", () => writer.line(...lines));
  }
}

function printRows(writer: CodeWriter, name: string, rows: readonly string[]): void {
  if (rows.length === 0) writer.line(`${name}: {},`);
  else writer.block(`${name}: {`, '},', () => writer.line(...rows));
}

function methodRow(method: Method): string {
  const timeoutMs = findTimeoutMs(method);
  const parts = [
    `input: ${quoted(signatureOf(method.inputs))}`,
    `output: ${quoted(signatureOf(method.outputs))}`,
    ...(isNoReply(method) ? ['noReply: true'] : []),
    ...(timeoutMs === undefined ? [] : [`timeoutMs: ${timeoutMs}`]),
  ];
  return `${propertyKey(method.name)}: { ${parts.join(', ')} },`;
}

function propertyRow(
  property: Property,
  { owner, form }: { readonly owner: Interface; readonly form: Form },
): string {
  const { name, signature, access } = property;
  const changes = quoted(emitsChanged(property, owner));
  // For a name that every object has, the compiler takes the type of that member for the one that is wanted here.
  const isConst = form === 'ts' && name in {} ? ' as const' : '';
  return `${propertyKey(name)}: { type: ${quoted(signature)}, access: ${quoted(access)}, emitsChanged: ${changes} }${isConst},`;
}

function signatureOf(args: readonly Arg[]): string {
  return renderSignature(args.map(({ type }) => type));
}

function printMaps(writer: CodeWriter, { owner, names, document }: InterfacePrint): void {
  writer.line(`/** The signals of \`${owner.name}\` with their arguments. */`);
  writer.block(`export interface ${names.signals} {`, '}', () => {
    for (const signal of owner.signals) {
      writeLines(writer, renderDocComment(signal));
      const args = tuple(signal.args, 'received', document);
      writer.line(`readonly ${propertyKey(signal.name)}: ${args};`);
    }
  });
  writer.line('', `/** The properties of \`${owner.name}\` with their types. */`);
  writer.block(`export interface ${names.properties} {`, '}', () => {
    for (const property of owner.properties) {
      writeLines(writer, renderDocComment(property));
      const type = renderTyped(property, 'received', document);
      writer.line(`readonly ${propertyKey(property.name)}: ${type};`);
    }
  });
  const those = (not: Property['access']): string =>
    owner.properties
      .filter(({ access }) => access !== not)
      .map(({ name }) => quoted(name))
      .join(' | ') || 'never';
  writer.line(
    '',
    `/** The properties of \`${owner.name}\` that can be read. */`,
    `export type ${names.readable} = ${those('write')};`,
    '',
    `/** The properties of \`${owner.name}\` that can be written. */`,
    `export type ${names.writable} = ${those('read')};`,
    '',
  );
}

/** Prints the class with which clients use the interface. */
export function printClient(writer: CodeWriter, print: InterfacePrint): void {
  const { form, owner, names } = print;
  const generics = [names.signals, names.properties, names.readable, names.writable].join(', ');
  const base = form === 'js' ? 'rt.InterfaceClient' : `rt.InterfaceClient<${generics}>`;
  const head = form === 'dts' ? 'export declare class' : 'export class';
  writer.line(...documented(owner, `Uses \`${owner.name}\` of an object on the bus.`));
  writer.block(`${head} ${names.client} extends ${base} {`, '}', () => {
    const start = renderCallable(form, {
      head: 'constructor',
      parameters: [
        { name: 'bus', type: 'rt.Bus' },
        { name: 'target', type: 'rt.Target' },
      ],
      result: '',
      body: `super(bus, target, ${names.description});`,
    });
    writer.line(...start);
    const table = new NameTable({ reserved: CLIENT_MEMBERS });
    for (const method of owner.methods) printCall(writer, method, { ...print, table });
  });
  writer.line();
}

function printCall(
  writer: CodeWriter,
  method: Method,
  { form, document, table }: InterfacePrint & { readonly table: NameTable },
): void {
  const inputs = inputNames(method);
  writer.line(
    '',
    ...renderDocComment(method, {
      inputs: { args: method.inputs, names: inputs },
      outputs: method.outputs,
    }),
    ...renderCallable(form, {
      head: table.take(method.name),
      parameters: [
        ...parameters(method.inputs, inputs, 'sent', document),
        { name: 'options', type: 'rt.CallOptions', isOptional: true },
      ],
      result: `Promise<${result(method.outputs, 'received', document)}>`,
      body: `return this.invoke(${quoted(method.name)}, [${inputs.join(', ')}], options);`,
    }),
  );
}

/** Prints the type of a server's handlers, and the functions that serve them. */
export function printServer(writer: CodeWriter, print: InterfacePrint): void {
  const { form, owner, names } = print;
  if (form !== 'js') printHandlers(writer, print);
  const head = `export ${form === 'dts' ? 'declare ' : ''}function`;
  const types = `<${names.signals}, ${names.properties}>`;
  writer.line(
    `/** Serves \`${owner.name}\` at a path, until it is unexported or the bus is closed. */`,
    ...renderCallable(form, {
      head: `${head} ${names.exporter}`,
      parameters: [
        { name: 'bus', type: 'rt.Bus' },
        { name: 'path', type: 'string' },
        { name: 'handlers', type: names.handlers },
      ],
      result: `rt.Exported${types}`,
      body: `return bus.objects.export(path, ${names.description}, handlers);`,
    }),
    '',
    `/** \`${owner.name}\` with its handlers, for \`bus.objects.exportFallback\` and \`bus.objects.teller\`. */`,
    ...renderCallable(form, {
      head: `${head} ${names.implementer}`,
      parameters: [{ name: 'handlers', type: names.handlers }],
      result: `rt.Implemented${types}`,
      body: `return { description: ${names.description}, implementation: handlers };`,
    }),
    '',
  );
}

function printHandlers(writer: CodeWriter, { owner, names, document }: InterfacePrint): void {
  writer.line(...documented(owner, `What a server of \`${owner.name}\` does.`));
  writer.block(`export interface ${names.handlers} {`, '}', () => {
    writer.block('readonly methods: {', '};', () => {
      for (const method of owner.methods) {
        const inputs = inputNames(method);
        writer.line(
          ...renderDocComment(method, {
            inputs: { args: method.inputs, names: inputs },
            outputs: method.outputs,
          }),
          ...renderCallable('dts', {
            head: propertyKey(method.name),
            parameters: [
              ...parameters(method.inputs, inputs, 'received', document),
              { name: 'context', type: 'rt.CallContext' },
            ],
            result: `rt.Awaitable<${result(method.outputs, 'sent', document)}>`,
            body: '',
          }),
        );
      }
    });
    writer.block('readonly properties: {', '};', () => {
      for (const property of owner.properties) printPropertyHandler(writer, property, document);
    });
  });
  writer.line();
}

function printPropertyHandler(
  writer: CodeWriter,
  property: Property,
  document: DocumentNames,
): void {
  writeLines(writer, renderDocComment(property));
  writer.block(`readonly ${propertyKey(property.name)}: {`, '};', () => {
    if (property.access !== 'write') {
      const type = renderTyped(property, 'sent', document);
      writer.line(`get(context: rt.CallContext): rt.Awaitable<${type}>;`);
    }
    if (property.access !== 'read') {
      const type = renderTyped(property, 'received', document);
      writer.line(`set(value: ${type}, context: rt.CallContext): rt.Awaitable<void>;`);
    }
  });
}

function documented(owner: Interface, first: string): readonly string[] {
  const docs = owner.docs === '' ? first : `${first}\n\n${owner.docs}`;
  return renderDocComment({
    ...owner,
    docs,
    annotations: isDeprecated(owner) ? owner.annotations : [],
  });
}

function inputNames(method: Method): readonly string[] {
  return argNames(method.inputs, { table: new NameTable({ reserved: RESERVED }), unnamed: 'arg' });
}

function parameters(
  args: readonly Arg[],
  names: readonly string[],
  way: Way,
  document: DocumentNames,
): readonly { readonly name: string; readonly type: string }[] {
  return args.map((arg, index) => ({
    name: names[index] ?? '',
    type: renderTyped(arg, way, document),
  }));
}

function result(outputs: readonly Arg[], way: Way, document: DocumentNames): string {
  const [first, ...more] = outputs;
  if (first === undefined) return 'void';
  return more.length === 0 ? renderTyped(first, way, document) : tuple(outputs, way, document);
}

function tuple(args: readonly Arg[], way: Way, document: DocumentNames): string {
  const names = argNames(args, {
    table: new NameTable({ reserved: RESERVED }),
    unnamed: 'arg',
  });
  const fields = args.map(
    (arg, index) => `${names[index] ?? ''}: ${renderTyped(arg, way, document)}`,
  );
  return `readonly [${fields.join(', ')}]`;
}
