/** The header that clients and servers of a document share: constants, errors, types of values. */
import { CodeWriter } from '../../emit/writer.ts';
import type { Document, Enum } from '../../model/model.ts';
import { enumsOf } from '../../model/walk.ts';
import { dotsToUnderscores } from '../../naming/case.ts';
import { NameTable, toIdentifier } from '../../naming/name-table.ts';
import { docLines } from '../doc-lines.ts';
import { errorsOf } from '../typescript/names.ts';
import { comment, enumLiteral, quoted } from './text.ts';
import { declareTypes } from './types.ts';

/** Puts a header's guard and its C++ linkage around lines. */
export function printHeader(
  writer: CodeWriter,
  { file, includes }: { readonly file: string; readonly includes: readonly string[] },
  body: () => void,
): void {
  const guard = `RPCGEN_${toIdentifier(file).toUpperCase()}`;
  writer.line(`#ifndef ${guard}`, `#define ${guard}`, '');
  writer.line(...includes.map((name) => `#include "${name}"`), '');
  writer.line('#ifdef __cplusplus', 'extern "C" {', '#endif', '');
  body();
  writer.line('', '#ifdef __cplusplus', '}', '#endif', '', '#endif');
}

/** Gives the text of the header with the types. */
export function printTypes(
  document: Document,
  { file, header }: { readonly file: string; readonly header: readonly string[] },
): string {
  const writer = new CodeWriter();
  const table = new NameTable({ reserved: new Set() });
  writer.line(...comment(header), ...comment(docLines(document.root)));
  printHeader(writer, { file, includes: ['rpcgen_dbus.h'] }, () => {
    for (const one of enumsOf(document)) printEnum(writer, one, table);
    for (const { name, code } of errorsOf(document)) {
      const macro = table.take(dotsToUnderscores(name).toUpperCase());
      writer.line(`#define ${macro} ${quoted(name)}`);
      if (code !== undefined) writer.line(`#define ${table.take(`${macro}_CODE`)} ${code}`);
    }
    writer.line('', ...declareTypes(document));
  });
  return writer.text;
}

/** The names of the original, with the interface in those of enumerations that belong to one. */
function printEnum(writer: CodeWriter, one: Enum, table: NameTable): void {
  const scope = one.interfaceName === undefined ? '' : `${dotsToUnderscores(one.interfaceName)}_`;
  const docs = docLines(one);
  if (docs.length > 0) writer.line(...comment(docs));
  for (const value of one.values) {
    const own = docLines(value);
    if (own.length > 0) writer.line(...comment(own));
    const macro = table.take(`ENUM_${scope}${one.name}_${value.suffix}`);
    writer.line(`#define ${macro} ${enumLiteral(one, value)}`);
  }
  writer.line();
}
