/** A whole document as one module. */
import { CodeWriter } from '../../emit/writer.ts';
import type { Document, Enum, EnumValue } from '../../model/model.ts';
import { interfacesOf } from '../../model/walk.ts';
import type { GenerateOptions } from '../backend.ts';
import { servedInterfaces } from '../served-xml.ts';
import { renderDocComment } from './doc-comment.ts';
import { propertyKey, quoted, writeLines, type Form } from './form.ts';
import { printClient, printDescription, printServer } from './print-interface.ts';
import { errorsOf, nameDocument, type DocumentNames } from './names.ts';

/** Gives the text of the module. */
export function printDocument(
  document: Document,
  { sides, header }: Pick<GenerateOptions, 'sides' | 'header'>,
  form: Form,
): string {
  const writer = new CodeWriter();
  const names = nameDocument(document);
  writer.line(...header.map((line) => `// ${line}`.trimEnd()), '/* eslint-disable */');
  writer.line("import * as rt from '@xenops/rpcgen/runtime';", '');
  for (const [one, name] of names.enums) printEnum(writer, one, { name, form });
  printErrors(writer, document, { names, form });
  const elements = sides.includes('server') ? servedInterfaces(document.xml) : undefined;
  for (const owner of interfacesOf(document)) {
    const own = names.interfaces.get(owner.name);
    if (own === undefined) continue;
    const xml = elements?.get(owner.name) ?? '';
    const print = { form, owner, names: own, document: names, xml };
    printDescription(writer, print);
    if (sides.includes('client')) printClient(writer, print);
    if (sides.includes('server')) printServer(writer, print);
  }
  return writer.text;
}

function printEnum(
  writer: CodeWriter,
  one: Enum,
  { name, form }: { readonly name: string; readonly form: Form },
): void {
  const comment = renderDocComment({
    ...one,
    docs: one.docs === '' ? `\`${one.name}\`.` : one.docs,
  });
  writer.line(...comment);
  const head = form === 'dts' ? `export declare const ${name}: {` : `export const ${name} = {`;
  const end = { ts: '} as const;', js: '};', dts: '};' }[form];
  writer.block(head, end, () => {
    for (const value of one.values) {
      writeLines(writer, renderDocComment(value));
      const literal = enumLiteral(one, value);
      const key = propertyKey(value.suffix);
      writer.line(form === 'dts' ? `readonly ${key}: ${literal};` : `${key}: ${literal},`);
    }
  });
  if (form !== 'js') {
    const base = one.code === 'x' || one.code === 't' ? 'bigint' : 'number';
    const type = one.flags ? base : `(typeof ${name})[keyof typeof ${name}]`;
    writer.line('', ...comment, `export type ${name} = ${type};`);
  }
  writer.line();
}

function enumLiteral({ code }: Enum, { value }: EnumValue): string {
  switch (code) {
    case 's':
      return quoted(value);
    case 'b':
      return value === 'true' || value === '1' ? 'true' : 'false';
    case 'x':
    case 't':
      return `${BigInt(value).toString()}n`;
    default:
      return String(Number(value));
  }
}

function printErrors(
  writer: CodeWriter,
  document: Document,
  { names, form }: { readonly names: DocumentNames; readonly form: Form },
): void {
  for (const { name, code } of errorsOf(document)) {
    const head = form === 'dts' ? 'export declare class' : 'export class';
    const own = names.errors.get(name) ?? '';
    writer.line(`/** The error \`${name}\`. */`);
    writer.block(`${head} ${own} extends rt.DbusError {`, '}', () => {
      if (form === 'dts') {
        writer.line('static readonly errorName: string;');
        if (code !== undefined) writer.line('static readonly errorCode: number;');
        writer.line('constructor(message: string);');
        return;
      }
      const modifier = form === 'ts' ? 'static readonly' : 'static';
      const type = (text: string): string => (form === 'ts' ? `: ${text}` : '');
      writer.line(`${modifier} errorName${type('string')} = ${quoted(name)};`);
      if (code !== undefined) writer.line(`${modifier} errorCode${type('number')} = ${code};`);
      writer.block(`constructor(message${type('string')}) {`, '}', () => {
        writer.line(`super(${own}.errorName, message);`);
      });
    });
    writer.line();
  }
}
