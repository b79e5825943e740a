/** The server of a document: for each interface a struct of typed handlers, and a function that exports it. */
import { CodeWriter } from '../../emit/writer.ts';
import { emitsChanged } from '../../model/annotations.ts';
import type { Document, Interface, Method, Property, Signal } from '../../model/model.ts';
import { renderSignature } from '../../model/signature.ts';
import { interfacesOf } from '../../model/walk.ts';
import { NameTable } from '../../naming/name-table.ts';
import { docLines, memberDocLines } from '../doc-lines.ts';
import { servedInterfaces } from '../served-xml.ts';
import {
  namesOfArgs,
  namesOfSignalArgs,
  nameDocument,
  RESERVED,
  type InterfaceNames,
} from './names.ts';
import type { FileOptions } from './print-client.ts';
import { printHeader } from './print-types.ts';
import { comment, quoted } from './text.ts';
import { cType, declare, inputParameter, outputParameter } from './types.ts';

/** An interface with its identifiers and the fields of its struct of handlers. */
export interface Served {
  readonly owner: Interface;
  readonly names: InterfaceNames;
  readonly methods: ReadonlyMap<Method, string>;
  readonly getters: ReadonlyMap<Property, string>;
  readonly setters: ReadonlyMap<Property, string>;
}

const CONTEXT = 'const struct dbus_context *context';
const ERROR = 'sd_bus_error *error';

/** Gives the identifiers of every interface for its server. */
export function servedOf(document: Document): readonly Served[] {
  const { interfaces } = nameDocument(document);
  return interfacesOf(document).flatMap((owner) => {
    const names = interfaces.get(owner.name);
    if (names === undefined) return [];
    const table = new NameTable({ reserved: RESERVED });
    const methods = new Map(owner.methods.map((one) => [one, table.take(one.name)]));
    const getters = new Map(
      [...names.getters.keys()].map((one) => [one, table.take(`get_${one.name}`)]),
    );
    const setters = new Map(
      [...names.setters.keys()].map((one) => [one, table.take(`set_${one.name}`)]),
    );
    return [{ owner, names, methods, getters, setters }];
  });
}

/** Gives the text of the header. */
export function printServerHeader(document: Document, { objectName, header }: FileOptions): string {
  const writer = new CodeWriter();
  const file = `${objectName}_server.h`;
  writer.line(...comment(header));
  printHeader(writer, { file, includes: [`${objectName}_types.h`] }, () => {
    for (const served of servedOf(document)) declareInterface(writer, served);
  });
  return writer.text;
}

/** Gives the text of the source file. */
export function printServerSource(document: Document, { objectName, header }: FileOptions): string {
  const writer = new CodeWriter();
  const elements = servedInterfaces(document.xml);
  writer.line(...comment(header), `#include "${objectName}_server.h"`, '');
  for (const served of servedOf(document)) {
    for (const method of served.owner.methods) defineMethod(writer, served, method);
    for (const property of served.owner.properties) defineProperty(writer, served, property);
    defineInterface(writer, served, elements.get(served.owner.name) ?? '');
    for (const signal of served.owner.signals) {
      writer.block(`${emitterHead(served, signal)} {`, '}', () => emit(writer, signal)).line();
    }
  }
  return writer.text;
}

function declareInterface(writer: CodeWriter, served: Served): void {
  const { owner, names } = served;
  const about = [
    `What a server of ${owner.name} does; what is NULL is answered with NotSupported.`,
    'A handler gives a negative errno, or what sd_bus_error_set gives, on failure. Outputs begin as zero.',
    ...docLines(owner),
  ];
  writer.line(...comment(about));
  writer.block(`struct ${names.handlers} {`, '};', () => {
    for (const method of owner.methods) {
      const args = namesOfArgs(method.args);
      const order = method.args.map((arg) => args.get(arg) ?? '');
      writer.line(...comment(memberDocLines(method, owner, order)));
      const list = [
        ...method.inputs.map((arg) => inputParameter(arg.type, args.get(arg) ?? '')),
        ...method.outputs.map((arg) => outputParameter(arg.type, args.get(arg) ?? '')),
      ];
      writer.line(handlerField(served.methods.get(method) ?? '', list));
    }
    for (const property of owner.properties) {
      writer.line(...comment(memberDocLines(property, owner)));
      const getter = served.getters.get(property);
      const setter = served.setters.get(property);
      if (getter !== undefined) {
        writer.line(handlerField(getter, [outputParameter(property.type, 'value')]));
      }
      if (setter !== undefined) {
        writer.line(handlerField(setter, [inputParameter(property.type, 'value')]));
      }
    }
    // A struct has at least one member.
    if (owner.methods.length + owner.properties.length === 0) writer.line('char unused;');
  });
  writer.line(`${exporterHead(served)};`);
  for (const signal of owner.signals) {
    writer.line(
      ...comment(memberDocLines(signal, owner, namesOfSignalArgs(signal))),
      `${emitterHead(served, signal)};`,
    );
  }
  writer.line();
}

function handlerField(name: string, parameters: readonly string[]): string {
  return `int (*${name})(${['void *userdata', CONTEXT, ...parameters, ERROR].join(', ')});`;
}

function exporterHead({ names }: Pick<Served, 'names'>): string {
  return `int ${names.exporter}(struct dbus_server *server, const char *path, const struct ${names.handlers} *handlers, void *userdata, struct dbus_exported **exported)`;
}

function emitterHead({ names }: Served, signal: Signal): string {
  const args = namesOfSignalArgs(signal);
  const list = signal.args.map(({ type }, index) => inputParameter(type, args[index] ?? ''));
  const all = ['const struct dbus_exported *exported', ...list].join(', ');
  return `int ${names.emitters.get(signal) ?? ''}(${all})`;
}

function emit(writer: CodeWriter, signal: Signal): void {
  const { name, args } = signal;
  const names = namesOfSignalArgs(signal);
  const values = args.map(
    ({ type }, index) => `${type.kind === 'basic' ? '&' : ''}${names[index] ?? ''}`,
  );
  if (values.length > 0) writer.line(`const void *const inputs[] = { ${values.join(', ')} };`);
  const signature = quoted(renderSignature(args.map(({ type }) => type)));
  writer.line(
    `return dbus_emit(exported, ${quoted(name)}, ${signature}, ${values.length > 0 ? 'inputs' : 'NULL'});`,
  );
}

/** What a generated function between the run-time and a handler reads, calls and appends. */
interface Step {
  readonly function: string;
  readonly field: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Reads or appends without a signature check: the value of a property is inside a variant. */
  readonly isProperty: boolean;
}

interface Value {
  readonly name: string;
  readonly type: Property['type'];
}

function defineMethod(writer: CodeWriter, served: Served, method: Method): void {
  const args = namesOfArgs(method.args);
  const named = (list: Method['args']): readonly Value[] =>
    list.map((arg) => ({ name: args.get(arg) ?? '', type: arg.type }));
  defineStep(writer, served, {
    function: `serve_${served.names.methods.get(method) ?? ''}`,
    field: served.methods.get(method) ?? '',
    inputs: named(method.inputs),
    outputs: named(method.outputs),
    isProperty: false,
  });
}

function defineProperty(writer: CodeWriter, served: Served, property: Property): void {
  const value = [{ name: 'value', type: property.type }];
  const getter = served.names.getters.get(property);
  const setter = served.names.setters.get(property);
  const field = {
    get: served.getters.get(property) ?? '',
    set: served.setters.get(property) ?? '',
  };
  if (getter !== undefined) {
    const step = { function: `serve_${getter}`, field: field.get, inputs: [], outputs: value };
    defineStep(writer, served, { ...step, isProperty: true });
  }
  if (setter !== undefined) {
    const step = { function: `serve_${setter}`, field: field.set, inputs: value, outputs: [] };
    defineStep(writer, served, { ...step, isProperty: true });
  }
}

function defineStep(writer: CodeWriter, { names }: Served, step: Step): void {
  const { inputs, outputs, field } = step;
  const signature = (values: readonly Value[]): string =>
    quoted(renderSignature(values.map(({ type }) => type)));
  const addresses = (values: readonly Value[]): string =>
    values.map(({ name }) => `&${name}`).join(', ');
  const head = `static int ${step.function}(const void *handlers, void *userdata, ${CONTEXT}, sd_bus_message *reply, ${ERROR})`;
  writer.block(`${head} {`, '}', () => {
    for (const { type, name } of inputs) writer.line(`${declare(cType(type), name)};`);
    for (const { type, name } of outputs) {
      const zero = type.kind === 'basic' ? (cType(type).endsWith('*') ? 'NULL' : '0') : '{ 0 }';
      writer.line(`${declare(cType(type), name)} = ${zero};`);
    }
    if (inputs.length > 0) writer.line(`void *const inputs[] = { ${addresses(inputs)} };`);
    if (outputs.length > 0) writer.line(`const void *const outputs[] = { ${addresses(outputs)} };`);
    writer.line('int status = 0;');
    const call = `((const struct ${names.handlers} *)handlers)->${field}`;
    if (outputs.length === 0) writer.line('(void)reply;');
    writer.line(
      `if (${call} == NULL) return sd_bus_error_set(error, SD_BUS_ERROR_NOT_SUPPORTED, "Not implemented");`,
    );
    if (inputs.length > 0) {
      const read = step.isProperty ? 'dbus_read_values' : 'dbus_read';
      writer.line(
        `status = ${read}(context->message, ${signature(inputs)}, inputs, context->memory);`,
      );
    }
    const given = [
      'userdata',
      'context',
      ...inputs.map(({ type, name }) => (type.kind === 'basic' ? name : `&${name}`)),
      ...outputs.map(({ name }) => `&${name}`),
      'error',
    ].join(', ');
    writer.line(`if (status >= 0) status = ${call}(${given});`);
    if (outputs.length > 0) {
      writer.line(`if (status >= 0) status = dbus_append(reply, ${signature(outputs)}, outputs);`);
    }
    writer.line('return status;');
  });
  writer.line();
}

const EMITS = {
  true: 'DBUS_EMITS_VALUE',
  invalidates: 'DBUS_EMITS_INVALIDATION',
  const: 'DBUS_EMITS_NOTHING',
  false: 'DBUS_EMITS_NOTHING',
} as const;

function defineInterface(writer: CodeWriter, { owner, names }: Served, xml: string): void {
  const table = names.description;
  writer.block(`static const char *const ${table}_xml[] = {`, '};', () => {
    for (const line of xml.split(/\r?\n/)) writer.line(`${quoted(line)},`);
    writer.line('NULL,');
  });
  writer.line().block(`static const struct dbus_served_method ${table}_methods[] = {`, '};', () => {
    for (const method of owner.methods) {
      const input = quoted(renderSignature(method.inputs.map(({ type }) => type)));
      writer.line(
        `{ ${quoted(method.name)}, ${input}, serve_${names.methods.get(method) ?? ''} },`,
      );
    }
    writer.line('{ NULL, NULL, NULL },');
  });
  writer
    .line()
    .block(`static const struct dbus_served_property ${table}_properties[] = {`, '};', () => {
      for (const property of owner.properties) {
        const accessors = [names.getters, names.setters].map((map) => {
          const name = map.get(property);
          return name === undefined ? 'NULL' : `serve_${name}`;
        });
        const emits = EMITS[emitsChanged(property, owner)];
        writer.line(
          `{ ${[quoted(property.name), quoted(property.signature), emits, ...accessors].join(', ')} },`,
        );
      }
      writer.line('{ NULL, NULL, DBUS_EMITS_NOTHING, NULL, NULL },');
    });
  const parts = [
    quoted(owner.name),
    ...['xml', 'methods', 'properties'].map((part) => `${table}_${part}`),
  ];
  writer.line('', `static const struct dbus_interface ${table} = { ${parts.join(', ')} };`);
  writer.line().block(`${exporterHead({ names })} {`, '}', () => {
    writer.line(`return dbus_export(server, path, &${table}, handlers, userdata, exported);`);
  });
  writer.line();
}
