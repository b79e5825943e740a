import { findSince, isDeprecated } from '../../model/annotations.ts';
import type { Arg, Described } from '../../model/model.ts';

/** Arguments with the names that they have in the generated code. */
export interface NamedArgs {
  readonly args: readonly Arg[];
  readonly names: readonly string[];
}

/** The lines of a doc comment; none when there is nothing to say. */
export function renderDocComment(
  described: Described,
  { inputs, outputs }: { readonly inputs?: NamedArgs; readonly outputs?: readonly Arg[] } = {},
): readonly string[] {
  const since = findSince(described);
  const lines = [
    ...textLines(described.docs),
    ...(inputs?.args.flatMap(({ docs }, index) =>
      tag(`@param ${inputs.names[index] ?? ''}`, docs),
    ) ?? []),
    ...(outputs?.flatMap(({ name, docs }) => tag('@returns', nameAndDocs(name, docs))) ?? []),
    ...(since === undefined ? [] : [`@since ${since}`]),
    ...(isDeprecated(described) ? ['@deprecated'] : []),
  ].map((line) => line.replaceAll('*/', '*\\/'));
  const [first] = lines;
  if (first === undefined) return [];
  if (lines.length === 1) return [`/** ${first} */`];
  return ['/**', ...lines.map((line) => (line === '' ? ' *' : ` * ${line}`)), ' */'];
}

function nameAndDocs(name: string, docs: string): string {
  return docs === '' || name === '' ? docs : `\`${name}\`: ${docs}`;
}

function tag(name: string, docs: string): readonly string[] {
  if (docs === '') return [];
  const [first = '', ...more] = textLines(docs);
  return [`${name} - ${first}`, ...more.map((line) => `  ${line}`)];
}

/** An `@` at the beginning of a line would start a tag. */
function textLines(docs: string): readonly string[] {
  return docs === '' ? [] : docs.split('\n').map((line) => line.replace(/^(\s*)@/, '$1\\@'));
}
