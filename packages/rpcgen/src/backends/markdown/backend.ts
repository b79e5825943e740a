/**
 * Reference documentation: one Markdown file for a document, the same for both sides. Wire names are of letters,
 * digits, `_`, `-` and `.` only, so that they serve as the ids of links.
 */
import {
  ANNOTATION,
  declaredErrors,
  emitsChanged,
  findSince,
  isDeprecated,
  isNoReply,
} from '../../model/annotations.ts';
import type {
  Annotation,
  Arg,
  Described,
  Document,
  Enum,
  Interface,
  Method,
  Property,
  Signal,
} from '../../model/model.ts';
import { enumsOf, interfacesOf } from '../../model/walk.ts';
import type { Backend, GenerateOptions } from '../backend.ts';
import { CAPABILITIES } from './capabilities.ts';
import { code, inline, paragraphs, table } from './text.ts';

/** The backend. */
export const markdown: Backend = {
  name: 'markdown',
  aliases: ['md'],
  summary: 'reference documentation, one file',
  capabilities: CAPABILITIES,
  generate: (document, options) => [
    { path: `${options.objectName}.md`, text: renderDocument(document, options) },
  ],
};

function renderDocument(document: Document, { objectName, header }: GenerateOptions): string {
  const interfaces = interfacesOf(document);
  const enums = enumsOf(document);
  const comment = header.map((line) => line.replaceAll('--', '- -')).join('\n');
  const index = interfaces.map(
    ({ name, docs }) =>
      `- [${inline(name)}](#${name})${docs === '' ? '' : `: ${inline(firstSentence(docs))}`}`,
  );
  return `${[
    `<!--\n${comment}\n-->`,
    `# ${inline(objectName)}`,
    document.root.name === '' ? '' : `Object path: ${code(document.root.name)}`,
    ...notes(document.root),
    index.join('\n'),
    ...interfaces.flatMap(renderInterface),
    ...(enums.length === 0 ? [] : ['## Enumerations', ...enums.flatMap(renderEnum)]),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

function renderInterface(one: Interface): readonly string[] {
  return [
    `<a id="${one.name}"></a>`,
    `## ${inline(one.name)}`,
    ...notes(one),
    ...(one.methods.length === 0 ? [] : ['### Methods']),
    ...one.methods.flatMap((method) => renderMethod(method, one)),
    ...(one.signals.length === 0 ? [] : ['### Signals']),
    ...one.signals.flatMap((signal) => renderSignal(signal, one)),
    ...(one.properties.length === 0 ? [] : ['### Properties', propertyTable(one)]),
  ];
}

function renderMethod(method: Method, owner: Interface): readonly string[] {
  const errors = declaredErrors(method, owner).map(({ name, code: number }) =>
    number === undefined ? code(name) : `${code(name)} (${number})`,
  );
  return [
    ...heading(method.name, owner),
    ...(isNoReply(method) ? ['Sends no reply.'] : []),
    ...notes(method),
    argTable([...method.inputs, ...method.outputs]),
    errors.length === 0 ? '' : `Errors: ${errors.join(', ')}.`,
  ];
}

function renderSignal(signal: Signal, owner: Interface): readonly string[] {
  return [...heading(signal.name, owner), ...notes(signal), argTable(signal.args)];
}

function heading(name: string, owner: Interface): readonly string[] {
  return [`<a id="${owner.name}.${name}"></a>`, `#### ${inline(name)}`];
}

function argTable(args: readonly Arg[]): string {
  if (args.length === 0) return 'No arguments.';
  const rows = args.map((arg) => [
    arg.name === '' ? '' : code(arg.name),
    arg.direction,
    code(arg.signature),
    inlineNotes(arg, arg.enumeration),
  ]);
  return table(['argument', 'direction', 'type', 'meaning'], rows);
}

function propertyTable(owner: Interface): string {
  const rows = owner.properties.map((property) => [
    `<a id="${owner.name}.${property.name}"></a>${code(property.name)}`,
    code(property.signature),
    property.access,
    [inlineNotes(property, property.enumeration), changeNote(property, owner)]
      .filter((part) => part !== '')
      .join(' '),
  ]);
  return table(['property', 'type', 'access', 'meaning'], rows);
}

/** What PropertiesChanged says, where it is not the usual thing. */
function changeNote(property: Property, owner: Interface): string {
  switch (emitsChanged(property, owner)) {
    case 'true':
      return '';
    case 'invalidates':
      return 'Changes are announced without the value.';
    case 'const':
      return 'Never changes.';
    case 'false':
      return 'Changes are not announced.';
  }
}

function renderEnum(one: Enum): readonly string[] {
  const { interfaceName } = one;
  const rows = one.values.map(({ suffix, value, docs }) => [
    code(suffix),
    value === '' ? '(empty)' : code(value),
    inline(docs),
  ]);
  return [
    `<a id="${enumId(one)}"></a>`,
    `### ${inline(one.name)}`,
    [
      `${one.flags ? 'Flags' : 'Values'} of type ${code(one.code)}`,
      interfaceName === undefined ? '.' : `, of ${code(interfaceName)}.`,
    ].join(''),
    ...notes(one),
    table(['name', 'value', 'meaning'], rows),
  ];
}

function enumId({ interfaceName, name }: Enum): string {
  return `enum-${interfaceName === undefined ? '' : `${interfaceName}.`}${name}`;
}

/** Deprecation, release, documentation and the annotations that have no other place. */
function notes(described: Described): readonly string[] {
  const since = findSince(described);
  const rest = described.annotations.filter(({ name }) => !SHOWN_ELSEWHERE.has(name));
  return [
    isDeprecated(described) ? '**Deprecated.**' : '',
    paragraphs(described.docs),
    since === undefined ? '' : `Since ${inline(since)}.`,
    ...rest.map(renderAnnotation),
  ].filter((part) => part !== '');
}

function inlineNotes(described: Described, enumeration: Enum | undefined): string {
  const link =
    enumeration === undefined
      ? ''
      : `One of [${inline(enumeration.name)}](#${enumId(enumeration)}).`;
  const [deprecated, ...rest] = [
    isDeprecated(described) ? '**Deprecated.**' : '',
    inline(described.docs),
    link,
  ];
  const annotations = described.annotations
    .filter(({ name }) => !SHOWN_ELSEWHERE.has(name))
    .map(renderAnnotation);
  return [deprecated, ...rest, ...annotations].filter((part) => part !== '').join(' ');
}

function renderAnnotation({ name, value }: Annotation): string {
  return value === '' ? `Annotation ${code(name)}.` : `Annotation ${code(name)}: ${code(value)}.`;
}

const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set([
  ANNOTATION.deprecated,
  ANNOTATION.noReply,
  ANNOTATION.error,
  ANNOTATION.errors,
  ANNOTATION.emitsChanged,
  ANNOTATION.docString,
  ANNOTATION.since,
]);

function firstSentence(docs: string): string {
  const [paragraph = ''] = docs.split('\n\n');
  return /^.*?[.!?](?=\s|$)/s.exec(paragraph)?.[0] ?? paragraph;
}
