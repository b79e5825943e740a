/** Prints a C program that serves a document by asking another server for everything, for the relay tests. */
import { CodeWriter } from '../../emit/writer.ts';
import type { Document, Interface, Property } from '../../model/model.ts';
import { namesOfArgs, namesOfFields, namesOfSignalArgs, type InterfaceNames } from './names.ts';
import { servedOf } from './print-server.ts';
import { quoted } from './text.ts';
import { inputParameter, outputParameter } from './types.ts';

const HEAD = `#include <stdio.h>
#include <stdlib.h>
#include "torture_client.h"
#include "torture_server.h"

static struct dbus_target target = { NULL, NULL, NULL, 0 };

static void check(int status, const char *what) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %d\\n", what, status);
  exit(1);
}
`;

/** Gives the program. */
export function printRelay(document: Document, path: string): string {
  const writer = new CodeWriter();
  writer.line(HEAD);
  for (const served of servedOf(document)) {
    const { owner, names } = served;
    for (const method of owner.methods) {
      const args = namesOfArgs(method.args);
      const inputs = method.inputs.map((arg) => inputParameter(arg.type, args.get(arg) ?? ''));
      const outputs = method.outputs.map((arg) => outputParameter(arg.type, args.get(arg) ?? ''));
      const given = [...method.inputs, ...method.outputs].map((arg) => args.get(arg) ?? '');
      pass(
        writer,
        names.methods.get(method) ?? '',
        [...inputs, ...outputs],
        [...given, 'context->memory'],
      );
    }
    for (const property of owner.properties) passProperty(writer, property, names);
    writer.line(`static struct dbus_exported *exported_${names.base};`);
    passSignals(writer, owner, names);
    writer.block(`static const struct ${names.handlers} handlers_${names.base} = {`, '};', () => {
      for (const [method, field] of served.methods)
        writer.line(`.${field} = pass_${names.methods.get(method) ?? ''},`);
      for (const [property, field] of served.getters)
        writer.line(`.${field} = pass_${names.getters.get(property) ?? ''},`);
      for (const [property, field] of served.setters)
        writer.line(`.${field} = pass_${names.setters.get(property) ?? ''},`);
      if (owner.methods.length + owner.properties.length === 0) writer.line('.unused = 0,');
    });
  }
  printMain(writer, document, path);
  return writer.text;
}

function pass(
  writer: CodeWriter,
  name: string,
  parameters: readonly string[],
  given: readonly string[],
): void {
  const list = [
    'void *userdata',
    'const struct dbus_context *context',
    ...parameters,
    'sd_bus_error *error',
  ];
  writer.block(`static int pass_${name}(${list.join(', ')}) {`, '}', () => {
    writer.line('(void)userdata;', '(void)context;');
    writer.line(`return ${name}(${['&target', ...given, 'error'].join(', ')});`);
  });
}

function passProperty(writer: CodeWriter, property: Property, names: InterfaceNames): void {
  const getter = names.getters.get(property);
  const setter = names.setters.get(property);
  if (getter !== undefined) {
    pass(writer, getter, [outputParameter(property.type, 'value')], ['value', 'context->memory']);
  }
  if (setter !== undefined)
    pass(writer, setter, [inputParameter(property.type, 'value')], ['value']);
}

function passSignals(writer: CodeWriter, owner: Interface, names: InterfaceNames): void {
  for (const signal of owner.signals) {
    const args = namesOfSignalArgs(signal);
    const list = signal.args.map(({ type }, index) => inputParameter(type, args[index] ?? ''));
    const emitter = names.emitters.get(signal) ?? '';
    writer.block(
      `static void hear_${emitter}(${['void *userdata', ...list].join(', ')}) {`,
      '}',
      () => {
        writer.line('(void)userdata;');
        writer.line(
          `check(${emitter}(${[`exported_${names.base}`, ...args].join(', ')}), "emit");`,
        );
      },
    );
  }
  if (owner.properties.length === 0) return;
  const head = `static void changed_${names.base}(void *userdata, const struct ${names.properties} *changed, const char *const *invalidated)`;
  writer.block(`${head} {`, '}', () => {
    writer.line(
      '(void)userdata;',
      `check(dbus_changed(exported_${names.base}, invalidated), "changed");`,
    );
    const fields = namesOfFields(owner.properties);
    owner.properties.forEach(({ name }, index) => {
      const list = `(const char *const[]){ ${quoted(name)}, NULL }`;
      writer.line(
        `if (changed->has_${fields[index] ?? ''}) check(dbus_changed(exported_${names.base}, ${list}), "changed");`,
      );
    });
  });
}

function printMain(writer: CodeWriter, document: Document, path: string): void {
  writer.block('int main(int argc, char **argv) {', '}', () => {
    writer.line(
      'sd_bus *bus = NULL;',
      'struct dbus_server *server = NULL;',
      'if (argc != 4) return 2;',
      'check(sd_bus_new(&bus), "new");',
      'check(sd_bus_set_address(bus, argv[1]), "address");',
      'check(sd_bus_set_bus_client(bus, true), "client");',
      'check(sd_bus_negotiate_fds(bus, true), "fds");',
      'check(sd_bus_start(bus), "start");',
      `target = (struct dbus_target){ bus, argv[2], ${quoted(path)}, 0 };`,
      'check(dbus_server_new(bus, &server), "server");',
    );
    for (const { owner, names } of servedOf(document)) {
      const { base } = names;
      writer.line(
        `check(${names.exporter}(server, ${quoted(path)}, &handlers_${base}, NULL, &exported_${base}), "export");`,
      );
      for (const signal of owner.signals) {
        writer.line(
          `check(${names.subscribers.get(signal) ?? ''}(&target, hear_${names.emitters.get(signal) ?? ''}, NULL, NULL), "subscribe");`,
        );
      }
      // Others would tell of their own echo.
      if (owner.name.endsWith('.Annotated')) {
        writer.line(
          `check(${names.onChanged}(&target, changed_${base}, NULL, NULL), "subscribe");`,
        );
      } else if (owner.properties.length > 0) writer.line(`(void)changed_${base};`);
    }
    writer.line(
      'check(sd_bus_request_name(bus, argv[3], 0), "name");',
      'puts("ready");',
      'fflush(stdout);',
    );
    writer.block('for (;;) {', '}', () => {
      writer.line('int status = sd_bus_process(bus, NULL);', 'check(status, "process");');
      writer.line('if (status == 0) check(sd_bus_wait(bus, UINT64_MAX), "wait");');
    });
  });
}
