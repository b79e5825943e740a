/**
 * Entities that a document declares itself. Some installed interface files declare one or two plain texts and use
 * them in their documentation, so those are read; anything that could fetch, nest or blow up is refused.
 */
import { ENTITIES_MAX, ENTITY_EXPANSION_MAX, ENTITY_LENGTH_MAX } from './limits.ts';

/** The declared entities, or the reason why they are refused. */
export type DeclaredEntities =
  | { readonly kind: 'entities'; readonly entities: ReadonlyMap<string, string> }
  | { readonly kind: 'refused'; readonly reason: string };

/** Reads the declarations in the internal subset of a document type. `text` is the whole document. */
export function parseEntities(doctype: string, text: string): DeclaredEntities {
  const entities = new Map<string, string>();
  const declarations = doctype.replace(/<!--[^]*?-->/g, '').matchAll(/<!ENTITY(?<body>[^>]*)>?/g);
  for (const { groups } of declarations) {
    const body = groups?.['body'] ?? '';
    const plain =
      /^\s+(?<name>[\p{L}_][\p{L}\p{N}_.-]*)\s+(?<quote>["'])(?<value>.*)\k<quote>\s*$/su;
    const match = plain.exec(body)?.groups;
    if (match === undefined) {
      return refuse('only entities with a plain text are read, no parameters and no other files');
    }
    const { name = '', value = '' } = match;
    if (/[&%<]/.test(value)) return refuse(`entity ${name} is more than plain text`);
    if (value.length > ENTITY_LENGTH_MAX) {
      return refuse(`entity ${name} has more than ${ENTITY_LENGTH_MAX} characters`);
    }
    entities.set(name, value);
    if (entities.size > ENTITIES_MAX) return refuse(`there are more than ${ENTITIES_MAX} entities`);
  }
  return expandedLength(entities, text) > ENTITY_EXPANSION_MAX
    ? refuse(`its entities expand to more than ${ENTITY_EXPANSION_MAX} characters`)
    : { kind: 'entities', entities };
}

function refuse(reason: string): DeclaredEntities {
  return { kind: 'refused', reason };
}

function expandedLength(entities: ReadonlyMap<string, string>, text: string): number {
  if (entities.size === 0) return 0;
  let length = 0;
  for (const { groups } of text.matchAll(/&(?<name>[^;&<\s]{1,255});/g)) {
    length += entities.get(groups?.['name'] ?? '')?.length ?? 0;
  }
  return length;
}
