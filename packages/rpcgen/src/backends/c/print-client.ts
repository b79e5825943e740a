/** The client of a document: a function for each method and property, and for each signal one that subscribes. */
import { CodeWriter } from '../../emit/writer.ts';
import { findTimeoutMs, isNoReply } from '../../model/annotations.ts';
import type { Document, Interface, Method, Property, Signal } from '../../model/model.ts';
import { renderSignature } from '../../model/signature.ts';
import { interfacesOf } from '../../model/walk.ts';
import { docLines, memberDocLines } from '../doc-lines.ts';
import {
  namesOfArgs,
  namesOfFields,
  namesOfSignalArgs,
  nameDocument,
  type InterfaceNames,
} from './names.ts';
import { printHeader } from './print-types.ts';
import { comment, quoted } from './text.ts';
import { cType, declare, inputParameter, outputParameter } from './types.ts';

/** An interface with its identifiers. */
interface Named {
  readonly owner: Interface;
  readonly names: InterfaceNames;
}

/** What both files of a client take. */
export interface FileOptions {
  readonly objectName: string;
  readonly header: readonly string[];
}

const TARGET = 'const struct dbus_target *target';
const ERROR = 'sd_bus_error *error';
const MEMORY = 'struct dbus_memory *memory';

function namedInterfaces(document: Document): readonly Named[] {
  const { interfaces } = nameDocument(document);
  return interfacesOf(document).flatMap((owner) => {
    const names = interfaces.get(owner.name);
    return names === undefined ? [] : [{ owner, names }];
  });
}

/** Gives the text of the header. */
export function printClientHeader(document: Document, { objectName, header }: FileOptions): string {
  const writer = new CodeWriter();
  const file = `${objectName}_client.h`;
  writer.line(...comment(header));
  printHeader(writer, { file, includes: [`${objectName}_types.h`] }, () => {
    for (const named of namedInterfaces(document)) declareInterface(writer, named);
  });
  return writer.text;
}

/** Gives the text of the source file. */
export function printClientSource(document: Document, { objectName, header }: FileOptions): string {
  const writer = new CodeWriter();
  writer.line(...comment(header), `#include "${objectName}_client.h"`, '');
  for (const named of namedInterfaces(document)) {
    for (const method of named.owner.methods) defineMethod(writer, named, method);
    for (const property of named.owner.properties) defineProperty(writer, named, property);
    defineAll(writer, named);
    for (const signal of named.owner.signals) defineSignal(writer, named, signal);
  }
  return writer.text;
}

function declareInterface(writer: CodeWriter, named: Named): void {
  const { owner, names } = named;
  writer.line(...comment([`Client of ${owner.name}.`, ...docLines(owner)]), '');
  for (const method of owner.methods) {
    const args = namesOfArgs(method.args);
    const order = method.args.map((arg) => args.get(arg) ?? '');
    writer.line(...comment(memberDocLines(method, owner, order)), `${methodHead(named, method)};`);
  }
  for (const property of owner.properties) {
    writer.line(...comment(memberDocLines(property, owner)));
    for (const head of propertyHeads(named, property)) writer.line(`${head};`);
  }
  if (owner.properties.length > 0) declareProperties(writer, named);
  for (const signal of owner.signals) {
    writer.line(
      ...comment(memberDocLines(signal, owner, namesOfSignalArgs(signal))),
      `typedef void (*${names.signalHandlers.get(signal) ?? ''})(${signalParameters(signal)});`,
      `${subscriberHead(named, signal)};`,
    );
  }
  writer.line();
}

function declareProperties(writer: CodeWriter, { owner, names }: Named): void {
  const fields = namesOfFields(owner.properties);
  writer.line(`/* The properties of ${owner.name}; has_... tells which are known. */`);
  writer.block(`struct ${names.properties} {`, '};', () => {
    owner.properties.forEach(({ type }, index) => {
      const name = fields[index] ?? '';
      writer.line(`bool has_${name};`, `${declare(cType(type), `value_${name}`)};`);
    });
  });
  writer.line(
    `${getAllHead(names)};`,
    '/* What has changed, with values, and the names of those that must be asked for. */',
    `typedef void (*${names.changedHandler})(void *userdata, const struct ${names.properties} *changed, const char *const *invalidated);`,
    `${onChangedHead(names)};`,
  );
}

function methodHead({ names }: Named, method: Method): string {
  const args = namesOfArgs(method.args);
  const list = [
    TARGET,
    ...method.inputs.map((arg) => inputParameter(arg.type, args.get(arg) ?? '')),
    ...method.outputs.map((arg) => outputParameter(arg.type, args.get(arg) ?? '')),
    MEMORY,
    ERROR,
  ];
  return `int ${names.methods.get(method) ?? ''}(${list.join(', ')})`;
}

function propertyHeads({ names }: Named, property: Property): readonly string[] {
  const getter = names.getters.get(property);
  const setter = names.setters.get(property);
  const value = outputParameter(property.type, 'value');
  const input = inputParameter(property.type, 'value');
  return [
    ...(getter === undefined ? [] : [`int ${getter}(${TARGET}, ${value}, ${MEMORY}, ${ERROR})`]),
    ...(setter === undefined ? [] : [`int ${setter}(${TARGET}, ${input}, ${ERROR})`]),
  ];
}

function getAllHead({ getAll, properties }: InterfaceNames): string {
  return `int ${getAll}(${TARGET}, struct ${properties} *all, ${MEMORY}, ${ERROR})`;
}

function onChangedHead({ onChanged, changedHandler }: InterfaceNames): string {
  return `int ${onChanged}(${TARGET}, ${changedHandler} handler, void *userdata, sd_bus_slot **slot)`;
}

function subscriberHead({ names }: Named, signal: Signal): string {
  const handler = names.signalHandlers.get(signal) ?? '';
  return `int ${names.subscribers.get(signal) ?? ''}(${TARGET}, ${handler} handler, void *userdata, sd_bus_slot **slot)`;
}

function signalParameters(signal: Signal): string {
  const names = namesOfSignalArgs(signal);
  const args = signal.args.map(({ type }, index) => inputParameter(type, names[index] ?? ''));
  return ['void *userdata', ...args].join(', ');
}

/** Array of pointers to values; NULL for none, since C has no empty arrays. */
function pointers(
  writer: CodeWriter,
  name: string,
  values: readonly string[],
  type: string,
): string {
  if (values.length === 0) return 'NULL';
  writer.line(`${type}${name}[] = { ${values.join(', ')} };`);
  return name;
}

function defineMethod(writer: CodeWriter, named: Named, method: Method): void {
  const args = namesOfArgs(method.args);
  const timeoutMs = findTimeoutMs(method);
  const parts = [
    quoted(named.owner.name),
    quoted(method.name),
    quoted(renderSignature(method.inputs.map(({ type }) => type))),
    quoted(renderSignature(method.outputs.map(({ type }) => type))),
    timeoutMs === undefined ? '0' : `UINT64_C(${Math.round(timeoutMs * 1000)})`,
    String(isNoReply(method)),
  ];
  writer.block(`${methodHead(named, method)} {`, '}', () => {
    writer.line(`static const struct dbus_method METHOD = { ${parts.join(', ')} };`);
    const given = method.inputs.map((arg) => address(arg.type.kind, args.get(arg) ?? ''));
    const wanted = method.outputs.map((arg) => args.get(arg) ?? '');
    const inputs = pointers(writer, 'inputs', given, 'const void *const ');
    const outputs = pointers(writer, 'outputs', wanted, 'void *const ');
    writer.line(`return dbus_call(target, &METHOD, ${inputs}, ${outputs}, memory, error);`);
  });
  writer.line();
}

/** Containers are given as pointers already. */
function address(kind: string, name: string): string {
  return kind === 'basic' ? `&${name}` : name;
}

function defineProperty(writer: CodeWriter, named: Named, property: Property): void {
  const key = `target, ${quoted(named.owner.name)}, ${quoted(property.name)}, ${quoted(property.signature)}`;
  for (const head of propertyHeads(named, property)) {
    const isGetter = head.endsWith(`${MEMORY}, ${ERROR})`);
    const call = isGetter
      ? `dbus_get_property(${key}, value, memory, error)`
      : `dbus_set_property(${key}, ${address(property.type.kind, 'value')}, error)`;
    writer.block(`${head} {`, '}', () => writer.line(`return ${call};`)).line();
  }
}

function defineAll(writer: CodeWriter, { owner, names }: Named): void {
  if (owner.properties.length === 0) return;
  const fields = namesOfFields(owner.properties);
  const struct = `struct ${names.properties}`;
  const table = `${names.properties}_fields`;
  writer.block(`static const struct dbus_field ${table}[] = {`, '};', () => {
    owner.properties.forEach(({ name, signature }, index) => {
      const field = fields[index] ?? '';
      const offsets = [`has_${field}`, `value_${field}`].map(
        (one) => `offsetof(${struct}, ${one})`,
      );
      writer.line(`{ ${[quoted(name), quoted(signature), ...offsets].join(', ')} },`);
    });
    writer.line('{ NULL, NULL, 0, 0 },');
  });
  const key = `${quoted(owner.name)}, ${table}`;
  writer.line().block(`${getAllHead(names)} {`, '}', () => {
    writer.line(`*all = (${struct}){ 0 };`);
    writer.line(`return dbus_get_all(target, ${key}, all, memory, error);`);
  });
  const dispatch = `dispatch_${names.onChanged}`;
  writer.line().block(`${dispatchHead(dispatch)} {`, '}', () => {
    writer.line(`${struct} changed = { 0 };`, 'const char *const *invalidated = NULL;');
    writer.line('struct dbus_memory memory = { NULL };');
    writer.block(
      `if (dbus_read_changes(message, ${key}, &changed, &invalidated, &memory) >= 0) {`,
      '}',
      () => {
        writer.line(
          `((${names.changedHandler})subscription->handler)(subscription->userdata, &changed, invalidated);`,
        );
      },
    );
    writer.line('dbus_memory_clear(&memory);');
  });
  writer.line().block(`${onChangedHead(names)} {`, '}', () => {
    subscribe(writer, dispatch, ['"org.freedesktop.DBus.Properties"', '"PropertiesChanged"']);
  });
  writer.line();
}

function dispatchHead(name: string): string {
  return `static void ${name}(const struct dbus_subscription *subscription, sd_bus_message *message)`;
}

function subscribe(writer: CodeWriter, dispatch: string, member: readonly string[]): void {
  writer.line(
    `struct dbus_subscription subscription = { ${dispatch}, (dbus_function)handler, userdata };`,
    `return dbus_subscribe(target, ${member.join(', ')}, subscription, slot);`,
  );
}

function defineSignal(writer: CodeWriter, named: Named, signal: Signal): void {
  const { owner, names } = named;
  const subscriber = names.subscribers.get(signal) ?? '';
  const handler = names.signalHandlers.get(signal) ?? '';
  const args = namesOfSignalArgs(signal);
  const signature = quoted(renderSignature(signal.args.map(({ type }) => type)));
  writer.block(`${dispatchHead(`dispatch_${subscriber}`)} {`, '}', () => {
    signal.args.forEach(({ type }, index) => {
      writer.line(`${declare(cType(type), args[index] ?? '')};`);
    });
    const outputs = pointers(
      writer,
      'outputs',
      args.map((name) => `&${name}`),
      'void *const ',
    );
    writer.line('struct dbus_memory memory = { NULL };');
    const values = signal.args.map(({ type }, index) =>
      type.kind === 'basic' ? (args[index] ?? '') : `&${args[index] ?? ''}`,
    );
    writer.block(`if (dbus_read(message, ${signature}, ${outputs}, &memory) >= 0) {`, '}', () => {
      writer.line(
        `((${handler})subscription->handler)(${['subscription->userdata', ...values].join(', ')});`,
      );
    });
    writer.line('dbus_memory_clear(&memory);');
  });
  writer.line().block(`${subscriberHead(named, signal)} {`, '}', () => {
    subscribe(writer, `dispatch_${subscriber}`, [quoted(owner.name), quoted(signal.name)]);
  });
  writer.line();
}
