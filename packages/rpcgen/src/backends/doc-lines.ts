import { declaredErrors, findSince, isDeprecated } from '../model/annotations.ts';
import type { Arg, Described, Interface, Member } from '../model/model.ts';

/** What there is to say about a thing, as lines of plain text without comment marks; none when there is nothing. */
export function docLines(described: Described): readonly string[] {
  const since = findSince(described);
  return [
    ...(described.docs === '' ? [] : described.docs.split(/\r?\n/)),
    ...(since === undefined ? [] : [`Since ${since}.`]),
    ...(isDeprecated(described) ? ['Deprecated.'] : []),
  ];
}

/**
 * The same for a member with its arguments, the enumerations that their values are from and the errors that it
 * declares. `names` are those of the arguments in the generated code, in document order.
 */
export function memberDocLines(
  member: Member,
  owner: Interface,
  names: readonly string[] = [],
): readonly string[] {
  const own = docLines(member);
  if (member.kind === 'property') {
    const { name, access, signature, enumeration } = member;
    const start = `\`${name}\` (${signature}, ${access}).${valuesOf(enumeration)}`;
    return [start, ...own];
  }
  const args = member.args.flatMap((arg, index) => argLines(arg, names[index] ?? arg.name));
  const errors = member.kind === 'method' ? declaredErrors(member, owner) : [];
  return [
    ...(own.length === 0 ? [`\`${member.name}\`.`] : own),
    ...args,
    ...(errors.length === 0 ? [] : [`Errors: ${errors.map(({ name }) => name).join(', ')}.`]),
  ];
}

function argLines({ docs, enumeration, direction }: Arg, name: string): readonly string[] {
  if (docs === '' && enumeration === undefined) return [];
  const text = docs.replace(/\s+/g, ' ');
  return [`${name} (${direction}):${text === '' ? '' : ` ${text}`}${valuesOf(enumeration)}`];
}

function valuesOf(enumeration: Arg['enumeration']): string {
  return enumeration === undefined ? '' : ` Values: ${enumeration.name}.`;
}
