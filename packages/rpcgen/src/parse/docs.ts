/**
 * Documentation of an element, of which four forms exist. In the order in which they count:
 * 1. the annotation `org.gtk.GDBus.DocString`;
 * 2. a `tp:docstring` element;
 * 3. a comment before the element whose first line is the element's name and a colon (gdbus-codegen's convention),
 *    with a line `@arg: text` for each argument;
 * 4. comments at the start of the element's content (the convention of this repository).
 * Banners (lines of one repeated character) and commented-out XML are no documentation.
 */
import { ANNOTATION } from '../model/annotations.ts';
import { TELEPATHY_NAMESPACE, type XmlContent, type XmlElement } from './xml-tree.ts';

/** What a comment before an element says. */
export interface LeadingDocs {
  readonly docs: string;
  /** By the name of the argument. */
  readonly args: ReadonlyMap<string, string>;
}

/** Gives a text without indentation and without empty lines around it. */
export function dedent(text: string): string {
  const lines = text
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .map((line) => line.trimEnd());
  const [first = '', ...rest] = lines;
  const indents = rest.filter((line) => line !== '').map((line) => line.search(/\S/));
  const indent = indents.length === 0 ? 0 : Math.min(...indents);
  return [first.trimStart(), ...rest.map((line) => line.slice(indent))]
    .join('\n')
    .replace(/^\n+|\n+$/g, '');
}

/** Tells whether a comment is documentation at all. */
export function isDocComment(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed === '') return false;
  const lines = trimmed.split('\n').map((line) => line.trim());
  if (lines.some((line) => /^([~=*#_-])\1{3,}/.test(line))) return false;
  return !/^<[/?!A-Za-z]/.test(trimmed);
}

/** Reads a comment in gdbus-codegen's form for the thing of that name, or gives undefined. */
export function parseLeadingDocs(comment: string, name: string): LeadingDocs | undefined {
  const lines = dedent(comment).split('\n');
  const match = /^(?<symbol>[^\s:]+(?:::?[^\s:]+)*):(?:\s+(?<short>.*))?$/.exec(lines[0] ?? '');
  if (match === null || match.groups?.['symbol'] !== name) return undefined;
  const args = new Map<string, string>();
  let index = 1;
  let current: string | undefined;
  for (; index < lines.length && lines[index] !== ''; index++) {
    const line = lines[index] ?? '';
    const arg = /^@(?<name>[^\s:]+):\s*(?<text>.*)$/.exec(line)?.groups;
    if (arg !== undefined) current = arg['name'];
    if (current === undefined) break;
    const text = arg === undefined ? line.trim() : (arg['text'] ?? '');
    args.set(current, [args.get(current) ?? '', text].join(' ').trim());
  }
  const since = args.get('since');
  args.delete('since');
  const body = lines.slice(index).join('\n').trim();
  const docs = [match.groups['short'] ?? '', body, since === undefined ? '' : `Since ${since}.`]
    .filter((part) => part !== '')
    .join('\n\n');
  return { docs, args };
}

/** Gives the documentation of an element. `leading` is the comment that stands before it, if one does. */
export function docsOf(element: XmlElement, { leading, attributeValue }: DocSources): string {
  const annotation = element.children.find(
    (child): child is XmlElement =>
      child.kind === 'element' &&
      child.local === 'annotation' &&
      attributeValue(child, 'name') === ANNOTATION.docString,
  );
  if (annotation !== undefined) return dedent(attributeValue(annotation, 'value') ?? '');
  const docstring = element.children.find(
    (child): child is XmlElement =>
      child.kind === 'element' && child.uri === TELEPATHY_NAMESPACE && child.local === 'docstring',
  );
  if (docstring !== undefined) return docstringText(docstring);
  return leading?.docs ?? innerComments(element.children);
}

/** Where documentation can come from besides the element's own content. */
export interface DocSources {
  readonly leading: LeadingDocs | undefined;
  readonly attributeValue: (element: XmlElement, name: string) => string | undefined;
}

/** The comments before the first child element, except one that documents that element. */
function innerComments(children: readonly XmlContent[]): string {
  const end = children.findIndex(({ kind }) => kind === 'element');
  const next = end === -1 ? undefined : children[end];
  const nextName =
    next?.kind === 'element'
      ? next.attributes.find(({ local, prefix }) => local === 'name' && prefix === '')?.value
      : undefined;
  return children
    .slice(0, end === -1 ? children.length : end)
    .flatMap((child) => (child.kind === 'comment' ? [child.text] : []))
    .filter((text) => isDocComment(text))
    .filter((text) => nextName === undefined || parseLeadingDocs(text, nextName) === undefined)
    .map(dedent)
    .join('\n\n');
}

/** Elements of a docstring that begin a paragraph of their own. */
const BLOCKS = new Set([
  'p',
  'ul',
  'ol',
  'dl',
  'dt',
  'dd',
  'li',
  'pre',
  'table',
  'tr',
  'rationale',
]);

/** The text of a docstring, whose content is XHTML. */
function docstringText(element: XmlElement): string {
  const read = (content: XmlContent): string => {
    if (content.kind === 'comment') return '';
    if (content.kind === 'text') return content.text;
    const inner = content.children.map(read).join('');
    return BLOCKS.has(content.local) ? `\n\n${inner}\n\n` : inner;
  };
  return element.children
    .map(read)
    .join('')
    .split(/\n[^\S\n]*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}
