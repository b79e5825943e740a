/**
 * JSON as strangers send it: nesting is bounded, the first of two members of one name counts, and what comes after the
 * first value is ignored, as old clients were used to. `JSON.parse` promises none of this.
 */
import { ProtocolError } from '@xenops/core/errors';

/** A value that JSON can say. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue };

export type JsonObject = Readonly<Record<string, JsonValue>>;

/** Arrays and objects in each other. Requests need four levels; more only costs stack. */
export const JSON_DEPTH_MAX = 32;

const BLANKS = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

/** The first value of the text. Throws PROTOCOL_REMOTE, saying where, when there is none. */
export function parseJson(text: string): JsonValue {
  return new JsonReader(text).value(0);
}

/** Tells whether the value has members. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The items, or none for what is no list. */
export function itemsOf(value: JsonValue | undefined): readonly JsonValue[] {
  return typeof value === 'object' && value !== null && !isJsonObject(value) ? value : [];
}

/** The text, or what stands for anything else: for members that are texts unless the other side is broken. */
export function textOf(value: JsonValue | undefined, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}

/** As old servers wrote it: a blank after each comma and colon, `/` with a backslash. Every JSON parser takes it. */
export function renderSpacedJson(value: JsonValue): string {
  if (typeof value === 'string') return JSON.stringify(value).replaceAll('/', '\\/');
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (!isJsonObject(value)) return `[${value.map(renderSpacedJson).join(', ')}]`;
  const members = Object.entries(value).map(
    ([name, member]) => `${renderSpacedJson(name)}: ${renderSpacedJson(member)}`,
  );
  return `{${members.join(', ')}}`;
}

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    this.#take(BLANKS);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth + 1);
      case '[':
        return this.#array(depth + 1);
      case '"':
        return this.#string();
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#list('}', depth, () => {
      const name = this.#string();
      if (!this.#skip(':')) this.#fail('a colon');
      const member = this.value(depth);
      if (!members.has(name)) members.set(name, member);
    });
    // Makes own members even of names such as __proto__.
    return Object.fromEntries(members);
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#list(']', depth, () => items.push(this.value(depth)));
    return items;
  }

  /** What stands between brackets, of which the first is next. */
  #list(end: string, depth: number, item: () => void): void {
    if (depth > JSON_DEPTH_MAX) this.#fail(`at most ${JSON_DEPTH_MAX} levels`);
    this.#at += 1;
    if (this.#skip(end)) return;
    do item();
    while (this.#skip(','));
    if (!this.#skip(end)) this.#fail(`a comma or ${end}`);
  }

  #string(): string {
    this.#take(BLANKS);
    const end = this.#text[this.#at] === '"' ? this.#endOfString(this.#at) : -1;
    if (end < 0) this.#fail('a string');
    const value: unknown = this.#decode(this.#text.slice(this.#at, end));
    this.#at = end;
    return String(value);
  }

  /** Behind the next quote that has an even number of backslashes before it; -1 without one. */
  #endOfString(start: number): number {
    for (
      let at = this.#text.indexOf('"', start + 1);
      at >= 0;
      at = this.#text.indexOf('"', at + 1)
    ) {
      let first = at;
      while (this.#text[first - 1] === '\\') first -= 1;
      if ((at - first) % 2 === 0) return at + 1;
    }
    return -1;
  }

  #scalar(): JsonValue {
    const word = this.#take(WORD);
    if (word !== undefined) return word === 'null' ? null : word === 'true';
    const number = Number(this.#take(NUMBER) ?? Number.NaN);
    if (!Number.isFinite(number)) this.#fail('a value');
    return number;
  }

  /** Escapes and control characters are the business of the platform's parser. */
  #decode(token: string): unknown {
    try {
      return JSON.parse(token);
    } catch {
      return this.#fail('a string without control characters and unknown escapes');
    }
  }

  #skip(character: string): boolean {
    this.#take(BLANKS);
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #fail(wanted: string): never {
    throw new ProtocolError('PROTOCOL_REMOTE', {
      message: `The request is no JSON: expected ${wanted} at character ${this.#at}`,
      context: { at: this.#at },
    });
  }
}
