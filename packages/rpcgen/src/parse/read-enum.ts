import type { Enum, EnumValue } from '../model/model.ts';
import {
  attributeValue,
  checkAttributes,
  childrenOf,
  isTelepathy,
  quote,
  readDocs,
  readName,
  requireAttribute,
  type Child,
  type ReadContext,
} from './element-reader.ts';
import { isEnumCode, normaliseEnumValue } from './enum-value.ts';
import { whyNoEnumName } from './names.ts';

/** Reads the enumerations among the children of a node or interface. */
export function readEnums(
  children: readonly Child[],
  interfaceName: string | undefined,
  context: ReadContext,
): ReadonlyMap<string, Enum> {
  const enums = new Map<string, Enum>();
  for (const child of children) {
    const flags = isTelepathy(child.element, 'flags');
    if (!flags && !isTelepathy(child.element, 'enum')) continue;
    const read = readEnum(child, { flags, interfaceName }, context);
    if (read === undefined) continue;
    if (enums.has(read.name)) {
      context.problems.error(child.element.position, `enumeration ${read.name} is there twice`);
    }
    enums.set(read.name, read);
  }
  return enums;
}

function readEnum(
  child: Child,
  place: Pick<Enum, 'flags' | 'interfaceName'>,
  context: ReadContext,
): Enum | undefined {
  const { element } = child;
  checkAttributes(
    element,
    ['name', 'type', 'value-prefix', 'array-name', 'plural', 'singular'],
    context,
  );
  const name = readName(element, whyNoEnumName, context);
  const type = requireAttribute(element, 'type', context);
  const code = type?.value ?? 's';
  if (!isEnumCode(code) || (place.flags && ['s', 'b', 'd'].includes(code))) {
    const types = place.flags ? 'y n q i u x t' : 'y b n q i u x t d s';
    context.problems.error(
      type?.position ?? element.position,
      `type ${quote(code)} is no base type of <${element.name}> (but one of ${types})`,
    );
    return undefined;
  }
  const values = readValues(element, code, context);
  if (name === undefined || type === undefined) return undefined;
  return {
    ...place,
    name,
    code,
    values,
    docs: readDocs(child),
    annotations: [],
    position: element.position,
  };
}

function readValues(
  element: Child['element'],
  code: Enum['code'],
  context: ReadContext,
): readonly EnumValue[] {
  const bySuffix = new Map<string, EnumValue>();
  for (const child of childrenOf(element, context)) {
    if (!isTelepathy(child.element, 'enumvalue') && !isTelepathy(child.element, 'flag')) continue;
    const value = readValue(child, code, context);
    if (value === undefined) continue;
    if (bySuffix.has(value.suffix)) {
      context.problems.error(child.element.position, `value ${value.suffix} is there twice`);
    }
    bySuffix.set(value.suffix, value);
  }
  return [...bySuffix.values()];
}

function readValue(child: Child, code: Enum['code'], context: ReadContext): EnumValue | undefined {
  const { element } = child;
  checkAttributes(element, ['suffix', 'value'], context);
  const suffix = requireAttribute(element, 'suffix', context);
  const value = requireAttribute(element, 'value', context);
  childrenOf(element, context);
  if (suffix === undefined || value === undefined) return undefined;
  const reason = whyNoEnumName(suffix.value);
  if (reason !== undefined) {
    context.problems.error(suffix.position, `${quote(suffix.value)} is no suffix: ${reason}`);
  }
  const text = normaliseEnumValue(attributeValue(element, 'value') ?? '', code);
  if (text === undefined) {
    context.problems.error(value.position, `${quote(value.value)} is no value of type "${code}"`);
  }
  return {
    suffix: suffix.value,
    value: text ?? value.value,
    docs: readDocs(child),
    annotations: [],
    position: element.position,
  };
}
