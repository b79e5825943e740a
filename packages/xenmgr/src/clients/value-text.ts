/**
 * Values as they are written on a command line, by their type. At the top a text or path stands as it is; inside of
 * something it is quoted with ' or ", where a backslash stands before a quote or a backslash. Lists and structs are
 * `[a, b]`, dictionaries `{k : v}`. A variant, which the old client could not pass, is a signature, a colon and the
 * value: `i:5`, `as:["a", "b"]`. Pure.
 */
import {
  parseSignature,
  parseType,
  SignatureError,
  type BasicType,
  type DbusType,
  type DictType,
  type StructType,
} from '@xenops/rpcgen';
import { describeType, findIntegerRange, type IntegerRange } from './describe-type.ts';

/** Variants inside of variants. The bus allows 64 containers inside each other. */
const VARIANT_DEPTH_MAX = 16;

/** The text is no value of its type. */
export class ValueTextError extends Error {
  override readonly name = 'ValueTextError';
  /** What would be right. */
  readonly expected: string;
  /** Where in the text it went wrong, from 0. */
  readonly index: number;

  constructor(expected: string, index: number) {
    super(`Expected ${expected}`);
    this.expected = expected;
    this.index = index;
  }
}

/** The value that the text stands for. Throws ValueTextError. */
export function parseValueText(text: string, type: DbusType): unknown {
  return new ValueReader(text).readWhole(type);
}

/** Texts that stand as they are when nothing is around them. */
const RAW_CODES: readonly string[] = ['s', 'o', 'g'];

class ValueReader {
  readonly #text: string;
  #index = 0;
  #variantDepth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readWhole(type: DbusType): unknown {
    if (type.kind === 'variant') return this.#readVariant((inner) => this.readWhole(inner));
    if (type.kind === 'basic' && RAW_CODES.includes(type.code)) {
      const start = this.#index;
      this.#index = this.#text.length;
      return this.#checkedText(type, this.#text.slice(start), start);
    }
    this.#skipBlanks();
    const value = this.#read(type);
    this.#skipBlanks();
    if (this.#index < this.#text.length)
      throw this.#bad(`${describeType(type, false)}, and no more`);
    return value;
  }

  #read(type: DbusType): unknown {
    switch (type.kind) {
      case 'basic':
        return this.#readBasic(type);
      case 'variant':
        return this.#readVariant((inner) => this.#read(inner));
      case 'array':
        return this.#readArray(type.element);
      case 'struct':
        return this.#readStruct(type);
      case 'dict':
        return this.#readDict(type);
    }
  }

  #readBasic(type: BasicType): unknown {
    const { code } = type;
    const range = findIntegerRange(code);
    if (range !== undefined) return this.#readInteger(type, range);
    switch (code) {
      case 'b':
        return ['true', '1'].includes(this.#take(/true|false|[01]/y, type));
      case 'd':
        return Number(this.#take(/-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|NaN/y, type));
      case 's':
      case 'o':
      case 'g': {
        const start = this.#index;
        return this.#checkedText(type, this.#readQuoted(type), start);
      }
      default:
        throw this.#bad(describeType(type, true));
    }
  }

  #readInteger(type: BasicType, { least, most }: IntegerRange): number | bigint {
    const start = this.#index;
    const value = BigInt(this.#take(/-?\d+/y, type));
    if (value < least || value > most) {
      this.#index = start;
      throw this.#bad(describeType(type, true));
    }
    return ['x', 't'].includes(type.code) ? value : Number(value);
  }

  #readQuoted(type: BasicType): string {
    const quote = this.#take(/["']/y, type);
    let text = '';
    for (;;) {
      const letter = this.#text[this.#index++];
      if (letter === quote) return text;
      if (letter === undefined) throw this.#bad(`the ${quote} that ends the text`);
      const next = this.#text[this.#index];
      const isEscape = letter === '\\' && (next === '\\' || next === quote);
      if (isEscape) this.#index++;
      text += isEscape ? next : letter;
    }
  }

  /** Paths and signatures have a grammar of their own. */
  #checkedText({ code }: BasicType, text: string, start: number): string {
    const isRight = code === 'o' ? OBJECT_PATH.test(text) : code !== 'g' || isSignature(text);
    if (isRight) return text;
    this.#index = start;
    throw this.#bad(describeType({ kind: 'basic', code }, false));
  }

  #readVariant(readInner: (type: DbusType) => unknown): unknown {
    const start = this.#index;
    const [prefix, signature = ''] = /^([^:\s]+):/.exec(this.#text.slice(start)) ?? [];
    const type = findType(signature);
    if (prefix === undefined || type === undefined || this.#variantDepth >= VARIANT_DEPTH_MAX) {
      throw this.#bad(describeType({ kind: 'variant' }, true));
    }
    this.#index += prefix.length;
    this.#variantDepth++;
    const value = readInner(type);
    this.#variantDepth--;
    return { signature, value };
  }

  #readArray(element: DbusType): unknown {
    const type: DbusType = { kind: 'array', element };
    const items: unknown[] = [];
    this.#readItems({ open: '[', close: ']', type }, () => items.push(this.#read(element)));
    const isBytes = element.kind === 'basic' && element.code === 'y';
    return isBytes ? Uint8Array.from(items, Number) : items;
  }

  #readStruct(type: StructType): readonly unknown[] {
    const fields: unknown[] = [];
    const next = (): void => {
      const field = type.fields[fields.length];
      if (field === undefined) throw this.#bad(`${describeType(type, true)}, with no more fields`);
      fields.push(this.#read(field));
    };
    this.#readItems({ open: '[', close: ']', type }, next);
    if (fields.length === type.fields.length) return fields;
    this.#index--;
    throw this.#bad(`${describeType(type, true)}, with all fields`);
  }

  #readDict(type: DictType): ReadonlyMap<unknown, unknown> {
    const entries = new Map<unknown, unknown>();
    this.#readItems({ open: '{', close: '}', type }, () => {
      const key = this.#read(type.key);
      this.#skipBlanks();
      this.#expect(':', 'a colon between the key and its value');
      this.#skipBlanks();
      entries.set(key, this.#read(type.value));
    });
    return entries;
  }

  /** Items with commas between them, and blanks wherever. */
  #readItems({ open, close, type }: Brackets, readItem: () => void): void {
    this.#expect(open, describeType(type, true));
    this.#skipBlanks();
    if (this.#text[this.#index] === close) {
      this.#index++;
      return;
    }
    for (;;) {
      readItem();
      this.#skipBlanks();
      if (this.#text[this.#index] === close) break;
      this.#expect(',', `a comma or ${close}`);
      this.#skipBlanks();
    }
    this.#index++;
  }

  #take(pattern: RegExp, type: BasicType): string {
    pattern.lastIndex = this.#index;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found === undefined) throw this.#bad(describeType(type, true));
    this.#index += found.length;
    return found;
  }

  #expect(letter: string, expected: string): void {
    if (this.#text[this.#index] !== letter) throw this.#bad(expected);
    this.#index++;
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text[this.#index] ?? '')) this.#index++;
  }

  #bad(expected: string): ValueTextError {
    return new ValueTextError(expected, Math.min(this.#index, this.#text.length));
  }
}

interface Brackets {
  readonly open: string;
  readonly close: string;
  readonly type: DbusType;
}

/** D-Bus specification, "Valid Object Paths". */
const OBJECT_PATH = /^\/(?:[A-Za-z0-9_]+(?:\/[A-Za-z0-9_]+)*)?$/;

function isSignature(text: string): boolean {
  return readSignature(() => parseSignature(text)) !== undefined;
}

function findType(signature: string): DbusType | undefined {
  return readSignature(() => parseType(signature));
}

function readSignature<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SignatureError) return undefined;
    throw error;
  }
}
