/** Pieces of Python: strings, docstrings, types. */
import type { BasicCode, DbusType } from '../../model/dbus-type.ts';
import type { Enum, EnumValue } from '../../model/model.ts';

/** Gives a text as a string literal: those of JSON are Python. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Gives lines as a docstring; none for none. */
export function docstring(lines: readonly string[]): readonly string[] {
  const safe = lines.map((line) => line.replaceAll('\\', '\\\\').replaceAll('"""', '\\"\\"\\"'));
  const [first] = safe;
  if (first === undefined) return [];
  return safe.length === 1 && !first.endsWith('"')
    ? [`"""${first}"""`]
    : [`"""${first}`, ...safe.slice(1), '"""'];
}

/** Gives lines as comments. */
export function comments(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `# ${line}`.trimEnd());
}

const BASIC: Readonly<Record<BasicCode, string>> = {
  y: 'int',
  b: 'bool',
  n: 'int',
  q: 'int',
  i: 'int',
  u: 'int',
  x: 'int',
  t: 'int',
  d: 'float',
  s: 'str',
  o: 'str',
  g: 'str',
  h: 'int',
};

/** Gives the hint for a type. */
export function renderHint(type: DbusType): string {
  switch (type.kind) {
    case 'basic':
      return BASIC[type.code];
    case 'variant':
      return 'rt.Variant';
    case 'array':
      return type.element.kind === 'basic' && type.element.code === 'y'
        ? 'bytes'
        : `List[${renderHint(type.element)}]`;
    case 'dict':
      return `Dict[${renderHint(type.key)}, ${renderHint(type.value)}]`;
    case 'struct':
      return tupleHint(type.fields);
  }
}

/** Gives the hint for several values. */
export function tupleHint(types: readonly DbusType[]): string {
  return `Tuple[${types.map(renderHint).join(', ')}]`;
}

/** Gives a value of an enumeration. */
export function enumLiteral({ code }: Enum, { value }: EnumValue): string {
  if (code === 's') return quoted(value);
  if (code === 'b') return value === 'true' || value === '1' ? 'True' : 'False';
  return code === 'd' ? `float(${quoted(value)})` : BigInt(value).toString();
}
