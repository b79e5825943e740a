import { isBasicCode, type BasicType, type DbusType } from './dbus-type.ts';
import { NESTING_MAX, SIGNATURE_BYTES_MAX } from './limits.ts';

/** A text is no signature. The message is a sentence without the text itself; `index` counts from 0. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';
  readonly index: number;

  constructor(message: string, index: number) {
    super(message);
    this.index = index;
  }
}

/** How deep the type being read is. The specification counts arrays and structs apart; an entry counts as a struct. */
interface Depth {
  readonly arrays: number;
  readonly structs: number;
}

const SURFACE: Depth = { arrays: 0, structs: 0 };

class SignatureReader {
  readonly #text: string;
  #index = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#index === this.#text.length;
  }

  get index(): number {
    return this.#index;
  }

  readType(depth: Depth): DbusType {
    const start = this.#index;
    const code = this.#text[this.#index++];
    if (code === undefined) throw new SignatureError('a type is missing at its end', start);
    if (isBasicCode(code)) return { kind: 'basic', code };
    switch (code) {
      case 'v':
        return { kind: 'variant' };
      case 'a':
        return this.#readArray({ ...depth, arrays: depth.arrays + 1 }, start);
      case '(':
        return this.#readStruct({ ...depth, structs: depth.structs + 1 }, start);
      case '{':
        throw new SignatureError('a dictionary entry stands only inside an array', start);
      case ')':
        throw new SignatureError('")" has no "(" before it', start);
      default:
        throw new SignatureError(`${JSON.stringify(code)} is no type code`, start);
    }
  }

  #readArray(depth: Depth, start: number): DbusType {
    checkDepth(depth.arrays, { what: 'arrays', start });
    if (this.#text[this.#index] !== '{') return { kind: 'array', element: this.readType(depth) };
    const entry = this.#index++;
    const inside = { ...depth, structs: depth.structs + 1 };
    checkDepth(inside.structs, { what: 'structs', start: entry });
    const key = this.#readKey(inside);
    if (this.#text[this.#index] === '}') {
      throw new SignatureError('a dictionary entry needs a value type', this.#index);
    }
    const value = this.readType(inside);
    if (this.#text[this.#index++] !== '}') {
      throw new SignatureError('a dictionary entry has a key, a value and "}"', this.#index - 1);
    }
    return { kind: 'dict', key, value };
  }

  #readKey(depth: Depth): BasicType {
    const start = this.#index;
    const key = this.readType(depth);
    if (key.kind !== 'basic') {
      throw new SignatureError('the key of a dictionary is of a basic type', start);
    }
    return key;
  }

  #readStruct(depth: Depth, start: number): DbusType {
    checkDepth(depth.structs, { what: 'structs', start });
    const fields: DbusType[] = [];
    while (this.#text[this.#index] !== ')') {
      if (this.atEnd) throw new SignatureError('")" is missing at its end', start);
      fields.push(this.readType(depth));
    }
    this.#index++;
    if (fields.length === 0) throw new SignatureError('a struct has at least one field', start);
    return { kind: 'struct', fields };
  }
}

function checkDepth(depth: number, { what, start }: { what: string; start: number }): void {
  if (depth > NESTING_MAX) {
    throw new SignatureError(`${what} nest at most ${NESTING_MAX} deep`, start);
  }
}

/**
 * Parses a signature: any number of complete types, none included.
 * Throws SignatureError for anything the D-Bus specification does not allow.
 */
export function parseSignature(text: string): readonly DbusType[] {
  if (text.length > SIGNATURE_BYTES_MAX) {
    throw new SignatureError(
      `a signature has at most ${SIGNATURE_BYTES_MAX} bytes`,
      SIGNATURE_BYTES_MAX,
    );
  }
  const reader = new SignatureReader(text);
  const types: DbusType[] = [];
  while (!reader.atEnd) types.push(reader.readType(SURFACE));
  return types;
}

/** Parses exactly one complete type. Throws SignatureError. */
export function parseType(text: string): DbusType {
  const [type, ...more] = parseSignature(text);
  if (type === undefined) throw new SignatureError('a type is missing', 0);
  if (more.length > 0) {
    throw new SignatureError('only one complete type can stand here', renderType(type).length);
  }
  return type;
}

/** Gives the signature of one type. */
export function renderType(type: DbusType): string {
  switch (type.kind) {
    case 'basic':
      return type.code;
    case 'variant':
      return 'v';
    case 'array':
      return `a${renderType(type.element)}`;
    case 'dict':
      return `a{${type.key.code}${renderType(type.value)}}`;
    case 'struct':
      return `(${renderSignature(type.fields)})`;
  }
}

/** Gives the signature of several types in a row. */
export function renderSignature(types: readonly DbusType[]): string {
  return types.map(renderType).join('');
}
