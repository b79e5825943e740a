/** What the readers of all elements share: attributes, children with the comments before them, names, types. */
import { ANNOTATION } from '../model/annotations.ts';
import type { DbusType } from '../model/dbus-type.ts';
import type { Annotation, Enum } from '../model/model.ts';
import { parseType, SignatureError } from '../model/signature.ts';
import { docsOf, parseLeadingDocs, type LeadingDocs } from './docs.ts';
import { whyNoInterfaceName } from './names.ts';
import type { ProblemList } from './problem-list.ts';
import { TELEPATHY_NAMESPACE, type XmlAttribute, type XmlElement } from './xml-tree.ts';

/** What a reader works with. */
export interface ReadContext {
  readonly problems: ProblemList;
  /** The namespace of the D-Bus elements: that of the root, normally none. */
  readonly uri: string;
  /** The enumerations that can be named here, the nearest scope first. */
  readonly scopes: readonly ReadonlyMap<string, Enum>[];
}

/** Finds an attribute without prefix. */
export function findAttribute(element: XmlElement, name: string): XmlAttribute | undefined {
  return element.attributes.find(({ local, prefix }) => prefix === '' && local === name);
}

/** The value of an attribute without prefix, or undefined. */
export function attributeValue(element: XmlElement, name: string): string | undefined {
  return findAttribute(element, name)?.value;
}

/** Gives an attribute that must be there; without it, adds a problem and gives undefined. */
export function requireAttribute(
  element: XmlElement,
  name: string,
  { problems }: ReadContext,
): XmlAttribute | undefined {
  const attribute = findAttribute(element, name);
  if (attribute === undefined) {
    problems.error(element.position, `<${element.name}> needs an attribute "${name}"`);
  }
  return attribute;
}

/** Warns of attributes without prefix that mean nothing here. */
export function checkAttributes(
  element: XmlElement,
  known: readonly string[],
  { problems }: ReadContext,
): void {
  for (const { local, prefix, position } of element.attributes) {
    if (prefix !== '' || local === 'xmlns' || known.includes(local)) continue;
    problems.warning(
      position,
      `<${element.name}> has no attribute "${local}" (but ${known.join(', ')}); it is ignored`,
    );
  }
}

/** Reads the `name` attribute and checks it; gives undefined, with a problem, when it is missing or wrong. */
export function readName(
  element: XmlElement,
  why: (name: string) => string | undefined,
  context: ReadContext,
): string | undefined {
  const attribute = requireAttribute(element, 'name', context);
  if (attribute === undefined) return undefined;
  const reason = why(attribute.value);
  if (reason === undefined) return attribute.value;
  context.problems.error(
    attribute.position,
    `${quote(attribute.value)} is no name for <${element.name}>: ${reason}`,
  );
  return undefined;
}

/** A text for a message: quoted, with control characters escaped, and shortened when it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

/** A child element and what a comment before it says about it. */
export interface Child {
  readonly element: XmlElement;
  readonly leading: LeadingDocs | undefined;
}

/** Tells whether an element is `<tp:...>` of that name. */
export function isTelepathy(element: XmlElement, local: string): boolean {
  return element.uri === TELEPATHY_NAMESPACE && element.local === local;
}

/**
 * Gives the child elements of D-Bus and of the telepathy extension; those of other namespaces are left alone. Adds a
 * problem for text between them.
 */
export function childrenOf(element: XmlElement, { problems, uri }: ReadContext): readonly Child[] {
  const children: Child[] = [];
  let comments: string[] = [];
  for (const child of element.children) {
    if (child.kind === 'comment') {
      comments.push(child.text);
    } else if (child.kind === 'text') {
      if (child.text.trim() === '') continue;
      problems.error(
        child.position,
        `text ${quote(child.text.trim())} cannot stand in <${element.name}>`,
      );
    } else {
      const name = attributeValue(child, 'name') ?? '';
      const leading = comments
        .map((comment) => parseLeadingDocs(comment, name))
        .findLast((docs) => docs !== undefined);
      comments = [];
      if (child.uri === uri || child.uri === TELEPATHY_NAMESPACE) {
        children.push({ element: child, leading });
      }
    }
  }
  return children;
}

/** Adds a problem for a D-Bus element that is not known where it stands. Unknown `tp:` elements are left alone. */
export function refuseElement(
  parent: XmlElement,
  child: XmlElement,
  { problems, uri }: ReadContext,
): void {
  if (child.uri !== uri) return;
  problems.error(child.position, `<${child.name}> cannot stand in <${parent.name}>`);
}

/** Reads a type; gives undefined, with a problem, when it is none. */
export function readType(attribute: XmlAttribute, { problems }: ReadContext): DbusType | undefined {
  try {
    return parseType(attribute.value);
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error;
    const where = `character ${error.index + 1}`;
    problems.error(
      attribute.position,
      `type ${quote(attribute.value)} is not valid: ${error.message} (${where})`,
    );
    return undefined;
  }
}

/** Finds the enumeration that the attribute `tp:type` names, which must have the type of the thing itself. */
export function readEnumeration(
  element: XmlElement,
  signature: string,
  { problems, scopes }: ReadContext,
): Enum | undefined {
  const attribute = element.attributes.find(
    ({ local, prefix }) => local === 'type' && prefix === 'tp',
  );
  if (attribute === undefined) return undefined;
  const name = attribute.value;
  const found = scopes.map((scope) => scope.get(name)).find((one) => one !== undefined);
  if (found === undefined) {
    problems.warning(
      attribute.position,
      `there is no enumeration ${quote(name)}; tp:type is ignored`,
    );
    return undefined;
  }
  if (found.code !== signature) {
    problems.error(
      attribute.position,
      `enumeration ${name} has type "${found.code}" and cannot be the type of a "${signature}"`,
    );
  }
  return found;
}

/** Reads the documentation of an element. */
export function readDocs({ element, leading }: Child): string {
  return docsOf(element, { leading, attributeValue });
}

/** Reads the annotations of an element. */
export function readAnnotations(
  children: readonly Child[],
  context: ReadContext,
): readonly Annotation[] {
  return children.flatMap(({ element }) => {
    if (!isDbus(element, 'annotation', context)) return [];
    checkAttributes(element, ['name', 'value'], context);
    const name = requireAttribute(element, 'name', context);
    const value = requireAttribute(element, 'value', context);
    if (name === undefined || value === undefined) return [];
    const annotation = { name: name.value, value: value.value, position: element.position };
    checkAnnotation(annotation, context);
    return [annotation];
  });
}

/** Tells whether an element is the D-Bus element of that name. */
export function isDbus(element: XmlElement, local: string, { uri }: ReadContext): boolean {
  return element.uri === uri && element.local === local;
}

const BOOLEANS = ['true', 'false'];

/** The values of known annotations. A value that nobody understands would be acted on by nobody. */
const ANNOTATION_VALUES: ReadonlyMap<string, readonly string[]> = new Map([
  [ANNOTATION.deprecated, BOOLEANS],
  [ANNOTATION.noReply, BOOLEANS],
  [ANNOTATION.sensitive, BOOLEANS],
  [ANNOTATION.emitsChanged, ['true', 'invalidates', 'const', 'false']],
]);

function checkAnnotation({ name, value, position }: Annotation, { problems }: ReadContext): void {
  const allowed = ANNOTATION_VALUES.get(name);
  if (allowed !== undefined && !allowed.includes(value)) {
    problems.warning(
      position,
      `${quote(value)} is no value of ${name} (but ${allowed.join(', ')})`,
    );
  }
  if (name !== ANNOTATION.errors) return;
  for (const item of value.split(/[\s,]+/).filter((part) => part !== '')) {
    const match = /^(?<error>[^=]*)(=-?\d{1,9})?$/.exec(item);
    const reason =
      match === null
        ? 'it is a name, or a name, "=" and a number'
        : whyNoInterfaceName(match.groups?.['error'] ?? '');
    if (reason !== undefined) problems.error(position, `${quote(item)} is no error: ${reason}`);
  }
}
