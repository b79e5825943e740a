/** Values without a grammar of their own: numbers, yes or no, words, text, paths. */
import { vmUuid, type VmUuid } from '@xenops/core/ids';
import { kibFromMib, KIB_PER_MIB } from '@xenops/core/units';
import { badValue, quoted, scalar, type ValueType } from '../value-type.ts';

const INTEGER = /^(-?)(0x[0-9a-f][0-9a-f_]*|0o[0-7][0-7_]*|0b[01][01_]*|[0-9][0-9_]*)$/i;

/** An integer as the old files write it: decimal, `0x`, `0o` or `0b`, with `_` between digits; undefined for other text. */
export function findInteger(text: string): number | undefined {
  const [, sign = '', digits] = INTEGER.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = Number(digits.replaceAll('_', '').toLowerCase());
  if (!Number.isSafeInteger(value)) return undefined;
  return sign === '' || value === 0 ? value : -value;
}

const TRUE_WORDS = ['1', 'y', 'yes', 'true'];
const FALSE_WORDS = ['0', 'n', 'no', 'false'];

/** Yes or no in any of the old words, in any case; undefined for other text. */
export function findBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (TRUE_WORDS.includes(word)) return true;
  return FALSE_WORDS.includes(word) ? false : undefined;
}

export const BOOLEAN: ValueType<boolean> = scalar(
  'boolean',
  { type: 'boolean' },
  {
    parse(text) {
      const value = findBoolean(text);
      if (value !== undefined) return value;
      throw badValue(`${quoted(text)} is neither yes (1, y, yes, true) nor no (0, n, no, false)`);
    },
    render: String,
  },
);

/** Whole numbers from `minimum` to `maximum`. */
export function integer(minimum: number, maximum: number): ValueType<number> {
  return scalar(
    'integer',
    { type: 'integer', minimum, maximum },
    {
      parse(text) {
        const value = findInteger(text);
        if (value !== undefined && value >= minimum && value <= maximum) return value;
        throw badValue(`${quoted(text)} is no whole number from ${minimum} to ${maximum}`);
      },
      render: String,
    },
  );
}

/** Largest amount of memory, in MiB: what a 52-bit address reaches. */
const MIB_MAX = 2 ** 32;

/** Memory in MiB in the file, in KiB inside. */
export function mebibytes(minimumMib: number): ValueType<number> {
  const type = integer(minimumMib, MIB_MAX);
  return scalar('integer', type.schema, {
    parse: (text) => kibFromMib(type.parse(text)),
    // A target set over RPC need not be a whole MiB; the file's unit takes a fraction no more than it did.
    render: (kib) => String(Math.ceil(kib / KIB_PER_MIB)),
  });
}

/** Memory in KiB, as the old RPC exchanges it. */
export const KIBIBYTES: ValueType<number> = integer(0, MIB_MAX * KIB_PER_MIB);

/** One of some words. */
export function oneOf<const Word extends string>(words: readonly Word[]): ValueType<Word> {
  return scalar(
    'word',
    { type: 'string', enum: words },
    {
      parse(text) {
        const word = words.find((known) => known === text);
        if (word !== undefined) return word;
        throw badValue(`${quoted(text)} is none of ${words.join(', ')}`);
      },
      render: (word) => word,
    },
  );
}

const LENGTH_MAX = 4096;

function checkText(text: string): string {
  const at = text.search(/[\p{Cc}]/u);
  if (at >= 0) throw badValue('It has a control character, which no value may have', at);
  if (text.length > LENGTH_MAX) throw badValue(`It is longer than ${LENGTH_MAX} characters`);
  return text;
}

/** Any text without control characters; it may be empty. */
export const TEXT: ValueType<string> = scalar(
  'text',
  { type: 'string' },
  { parse: checkText, render: (text) => text },
);

/** Text of a form, which `hint` describes. */
export function textLike(name: string, form: RegExp, hint: string): ValueType<string> {
  return scalar(
    name,
    { type: 'string', pattern: form.source },
    {
      parse(text) {
        if (form.test(text)) return checkText(text);
        throw badValue(`${quoted(text)} is not ${hint}`);
      },
      render: (text) => text,
    },
  );
}

/** An absolute path. */
export const PATH: ValueType<string> = textLike(
  'path',
  /^\//,
  'an absolute path such as /boot/vmlinuz',
);

/** An absolute path, or nothing. */
export const PATH_OR_EMPTY: ValueType<string> = textLike('path', /^(\/|$)/, 'an absolute path');

/** A log file's path; the old files may leave its first slash out. */
export const ROOTED_PATH: ValueType<string> = scalar(
  'path',
  { type: 'string' },
  {
    parse: (text) => checkText(text.startsWith('/') ? text : `/${text}`),
    render: (text) => text,
  },
);

export const UUID: ValueType<VmUuid> = scalar(
  'uuid',
  { type: 'string', pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' },
  { parse: vmUuid, render: (uuid) => uuid },
);

/** Numbers with commas between. */
export const NUMBER_LIST: ValueType<readonly number[]> = scalar(
  'numbers with commas',
  { type: 'string', pattern: '^([0-9]+(,[0-9]+)*)?$' },
  {
    parse(text) {
      if (text === '') return [];
      const item = integer(0, 255);
      return text.split(',').map((part) => item.parse(part.trim()));
    },
    render: (numbers) => numbers.join(','),
  },
);
