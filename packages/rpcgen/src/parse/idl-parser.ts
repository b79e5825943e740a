/**
 * D-Bus introspection XML to the model. One parser for all backends, strict about what would be generated wrongly
 * and lenient about what is only unusual: a missing direction means `in`, an empty name means none, foreign elements
 * and attributes are left alone. It reports everything that is wrong at once and never throws.
 */
import type { Document, Interface, Member, Node } from '../model/model.ts';
import type { Problem } from '../model/problem.ts';
import {
  attributeValue,
  checkAttributes,
  childrenOf,
  isDbus,
  quote,
  readAnnotations,
  readDocs,
  readName,
  refuseElement,
  type Child,
  type ReadContext,
} from './element-reader.ts';
import { whyNoInterfaceName } from './names.ts';
import { ProblemList } from './problem-list.ts';
import { readEnums } from './read-enum.ts';
import { readMember } from './read-member.ts';
import { parseXmlTree, TELEPATHY_NAMESPACE } from './xml-tree.ts';

/** A text and the name under which its problems are reported. */
export interface IdlSource {
  readonly file: string;
  readonly text: string;
}

/** What came of it. There is a document exactly when no problem is an error. */
export interface ParsedIdl {
  readonly document: Document | undefined;
  /** In the order of the document. */
  readonly problems: readonly Problem[];
}

/** Parses a document. */
export function parseIdl(source: IdlSource): ParsedIdl {
  const problems = new ProblemList();
  const element = parseXmlTree(source, problems);
  if (element === undefined) return { document: undefined, problems: problems.sorted };
  if (element.local !== 'node' || element.uri === TELEPATHY_NAMESPACE) {
    problems.error(element.position, `the root is <${element.name}>; it must be <node>`);
    return { document: undefined, problems: problems.sorted };
  }
  const context = { problems, uri: element.uri, scopes: [] };
  const root = readNode({ element, leading: undefined }, context);
  checkRepeatedInterfaces(root, context);
  const document = problems.hasError ? undefined : { file: source.file, xml: source.text, root };
  return { document, problems: problems.sorted };
}

function readNode(child: Child, outer: ReadContext): Node {
  const { element } = child;
  checkAttributes(element, ['name'], outer);
  const children = childrenOf(element, outer);
  const enums = readEnums(children, undefined, outer);
  const context = { ...outer, scopes: [enums, ...outer.scopes] };
  const interfaces: Interface[] = [];
  const nodes: Node[] = [];
  for (const one of children) {
    if (isDbus(one.element, 'interface', context)) {
      const read = readInterface(one, context);
      if (read === undefined) continue;
      if (interfaces.some(({ name }) => name === read.name)) {
        context.problems.error(read.position, `interface ${read.name} is there twice`);
      }
      interfaces.push(read);
    } else if (isDbus(one.element, 'node', context)) {
      nodes.push(readNode(one, context));
    } else if (!isDbus(one.element, 'annotation', context)) {
      refuseElement(element, one.element, context);
    }
  }
  return {
    name: attributeValue(element, 'name') ?? '',
    interfaces,
    enums: [...enums.values()],
    nodes,
    docs: readDocs(child),
    annotations: readAnnotations(children, context),
    position: element.position,
  };
}

function readInterface(child: Child, outer: ReadContext): Interface | undefined {
  const { element } = child;
  checkAttributes(element, ['name'], outer);
  const name = readName(element, whyNoInterfaceName, outer);
  const children = childrenOf(element, outer);
  const enums = readEnums(children, name, outer);
  const context = { ...outer, scopes: [enums, ...outer.scopes] };
  const members = readMembers(child, children, context);
  const annotations = readAnnotations(children, context);
  if (name === undefined) return undefined;
  return {
    name,
    members,
    methods: members.filter((member) => member.kind === 'method'),
    signals: members.filter((member) => member.kind === 'signal'),
    properties: members.filter((member) => member.kind === 'property'),
    enums: [...enums.values()],
    docs: readDocs(child),
    annotations,
    position: element.position,
  };
}

const KINDS: readonly Member['kind'][] = ['method', 'signal', 'property'];

function readMembers(
  { element }: Child,
  children: readonly Child[],
  context: ReadContext,
): readonly Member[] {
  const members: Member[] = [];
  for (const one of children) {
    const kind = KINDS.find((name) => isDbus(one.element, name, context));
    if (kind === undefined) {
      if (!isDbus(one.element, 'annotation', context)) refuseElement(element, one.element, context);
      continue;
    }
    const member = readMember(kind, one, context);
    if (member === undefined) continue;
    if (members.some((other) => other.kind === kind && other.name === member.name)) {
      context.problems.error(member.position, `${kind} ${quote(member.name)} is there twice`);
    }
    members.push(member);
  }
  return members;
}

/** An interface may be repeated on several nodes, but it must be the same one: code is generated once for all. */
function checkRepeatedInterfaces(root: Node, { problems }: ReadContext): void {
  const shapes = new Map<string, string>();
  const check = (node: Node): void => {
    for (const one of node.interfaces) {
      const shape = JSON.stringify(one.members.map(shapeOf));
      const first = shapes.get(one.name);
      if (first !== undefined && first !== shape) {
        problems.error(one.position, `interface ${one.name} differs from the one of another node`);
      }
      shapes.set(one.name, first ?? shape);
    }
    node.nodes.forEach(check);
  };
  check(root);
}

function shapeOf(member: Member): readonly unknown[] {
  const { kind, name } = member;
  return kind === 'property'
    ? [kind, name, member.signature, member.access]
    : [kind, name, member.args.map(({ direction, signature }) => [direction, signature])];
}
