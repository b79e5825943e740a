import type { Document, Enum, Interface, Node } from './model.ts';

function nodesOf(node: Node): readonly Node[] {
  return [node, ...node.nodes.flatMap(nodesOf)];
}

/**
 * Gives every interface of a document once, in document order, those of nested nodes included. The parser refuses
 * two different interfaces of one name, so the first stands for all.
 */
export function interfacesOf(document: Document): readonly Interface[] {
  const byName = new Map<string, Interface>();
  for (const { interfaces } of nodesOf(document.root)) {
    for (const one of interfaces) if (!byName.has(one.name)) byName.set(one.name, one);
  }
  return [...byName.values()];
}

/** Gives every enumeration of a document, those of nodes first, then those of interfaces. */
export function enumsOf(document: Document): readonly Enum[] {
  return [
    ...nodesOf(document.root).flatMap(({ enums }) => enums),
    ...interfacesOf(document).flatMap(({ enums }) => enums),
  ];
}
