/**
 * Options of a command as rows: flag, what it takes, how its text is read, what it is when left out. Parser, help and
 * the historical one-dash spelling all come from the row.
 */
import { ConfigError } from '@xenops/core/errors';
import { domid, vmUuid, type Domid, type VmUuid } from '@xenops/core/ids';
import { kibFromMib } from '@xenops/core/units';
import path from 'node:path';

interface OptionBase {
  readonly doc: string;
}

/** Takes a value: `--domid 5`, `-domid 5`. */
export interface ValueOption<T> extends OptionBase {
  readonly kind: 'value';
  readonly placeholder: string;
  /** Throws ConfigError when the text is none. */
  readonly parse: (text: string) => T;
  readonly required: boolean;
  readonly fallback: T | undefined;
  /** The fallback as the help shows it. */
  readonly fallbackText?: string;
}

/** Is there or not: `--verbose`. `short` is one letter. */
export interface FlagOption extends OptionBase {
  readonly kind: 'flag';
  readonly short?: string;
}

/** One of several flags, the last wins: `-poweroff -reboot`. */
export interface ChoiceOption<T extends string> extends OptionBase {
  readonly kind: 'choice';
  readonly flags: readonly T[];
  readonly required: boolean;
}

export type AnyOption = ValueOption<unknown> | FlagOption | ChoiceOption<string>;
export type Options = Readonly<Record<string, AnyOption>>;

/** The values of parsed options, by the key of their row. */
export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends FlagOption
    ? boolean
    : O[K] extends ChoiceOption<infer T>
      ? T
      : O[K] extends ValueOption<infer T>
        ? T
        : never;
};

interface ValueRow<T> {
  readonly placeholder: string;
  readonly doc: string;
  readonly parse: (text: string) => T;
}

/** A value that must be given. */
export function required<T>(row: ValueRow<T>): ValueOption<T> {
  return { kind: 'value', ...row, required: true, fallback: undefined };
}

/** A value that may be left out, and is `fallback` then. */
export function withDefault<T extends string | number>(
  row: ValueRow<T>,
  fallback: T,
): ValueOption<T> {
  return { kind: 'value', ...row, required: false, fallback, fallbackText: String(fallback) };
}

/** A value that may be left out. */
export function optional<T>(row: ValueRow<T>): ValueOption<T | undefined> {
  return { kind: 'value', ...row, required: false, fallback: undefined };
}

/** A flag. */
export function flag(doc: string, short?: string): FlagOption {
  return { kind: 'flag', doc, ...(short === undefined ? {} : { short }) };
}

/** One of several flags, which must be given. */
export function choice<T extends string>(flags: readonly T[], doc: string): ChoiceOption<T> {
  return { kind: 'choice', flags, doc, required: true };
}

function wholeNumber(text: string, what: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `${what} is a whole number, not "${text}"`,
      context: { value: text },
    });
  }
  return Number(text);
}

export const DOMID: ValueRow<Domid> = {
  placeholder: 'N',
  doc: 'domain id',
  parse: (text) => domid(wholeNumber(text, 'A domid')),
};

export const UUID: ValueRow<VmUuid> = {
  placeholder: 'UUID',
  doc: 'uuid of the domain; random unless said',
  parse: vmUuid,
};

export const VCPUS: ValueRow<number> = {
  placeholder: 'N',
  doc: 'number of virtual cpus',
  parse: (text) => {
    const count = wholeNumber(text, 'The number of vcpus');
    if (count >= 1) return count;
    throw new ConfigError('CONFIG_BAD_VALUE', { message: 'A guest has one vcpu or more, not 0' });
  },
};

export const FILE: ValueRow<string> = {
  placeholder: 'PATH',
  doc: 'file',
  parse: (text) => {
    if (text === '' || text.includes('\0')) {
      throw new ConfigError('CONFIG_BAD_VALUE', { message: 'A path is not empty and has no NUL' });
    }
    return path.resolve(text);
  },
};

export const TEXT: ValueRow<string> = {
  placeholder: 'TEXT',
  doc: 'text',
  parse: (text) => {
    if (text.includes('\0')) {
      throw new ConfigError('CONFIG_BAD_VALUE', { message: 'Text here can have no NUL' });
    }
    return text;
  },
};

/** A week: longer than anything here can take. */
const SECONDS_MAX = 604_800;

export const SECONDS: ValueRow<number> = {
  placeholder: 'SECONDS',
  doc: 'how long to wait',
  parse: (text) => {
    const seconds = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
    if (seconds > 0 && seconds <= SECONDS_MAX) return seconds;
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A time is a number of seconds above 0 and up to ${SECONDS_MAX}, not "${text}"`,
    });
  },
};

const KIB_PER_SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  k: 1,
  m: kibFromMib(1),
  g: kibFromMib(1024),
};

/** An amount of memory in KiB; `256M` and `1G` say their own unit. */
export const MEMORY_KIB: ValueRow<number> = {
  placeholder: 'KIB',
  doc: 'memory in KiB, or with a unit: 256M, 1G',
  parse: (text) => {
    const match = /^(?<amount>\d{1,15})((?<unit>[kmg])(i?b)?)?$/i.exec(text);
    const perUnit = KIB_PER_SUFFIX[match?.groups?.['unit']?.toLowerCase() ?? ''] ?? Number.NaN;
    const kib = Number(match?.groups?.['amount'] ?? Number.NaN) * perUnit;
    if (!Number.isSafeInteger(kib)) {
      throw new ConfigError('CONFIG_BAD_VALUE', {
        message: `An amount of memory is a number of KiB or has a unit as in 256M and 1G, not "${text}"`,
        context: { value: text },
      });
    }
    return kib;
  },
};

/** An amount of memory in MiB; `256M` and `1G` say their own unit. */
export const MEMORY_MIB: ValueRow<number> = {
  placeholder: 'MIB',
  doc: 'memory in MiB, or with a unit: 256M, 1G',
  parse: (text) => {
    const kib = MEMORY_KIB.parse(/^\d+$/.test(text) ? `${text}M` : text);
    if (kib % kibFromMib(1) === 0) return kib / kibFromMib(1);
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `This amount of memory is in whole MiB, not "${text}"`,
      context: { value: text },
    });
  },
};

export const NUMBER: ValueRow<number> = {
  placeholder: 'N',
  doc: 'number',
  parse: (text) => {
    if (/^0x[0-9a-f]{1,12}$/i.test(text)) return Number(text);
    return wholeNumber(text, 'This');
  },
};

/** A byte of the host's physical memory. */
export const ADDRESS: ValueRow<bigint> = {
  placeholder: 'ADDRESS',
  doc: 'address',
  parse: (text) => {
    if (/^(\d{1,20}|0x[0-9a-f]{1,16})$/i.test(text)) return BigInt(text);
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `An address is a number, or 0x and hexadecimal digits, not "${text}"`,
      context: { value: text },
    });
  },
};

/** One of a few words. */
export function word<T extends string>(words: readonly T[], doc: string): ValueRow<T> {
  return {
    placeholder: words.join('|'),
    doc,
    parse: (text) => {
      const found = words.find((known) => known === text);
      if (found !== undefined) return found;
      throw new ConfigError('CONFIG_BAD_VALUE', {
        message: `It is one of ${words.join(', ')}, not "${text}"`,
        context: { value: text },
      });
    },
  };
}
