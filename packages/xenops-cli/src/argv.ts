/**
 * The historical spelling of options: `-domid 5` besides `--domid 5`. Only words that name an option of the command are
 * changed; the value after an option is passed through as it is, whatever it looks like.
 */
import type { Options } from './commands/option.ts';

/** Words of one command with every known option spelt with two dashes. */
export function normaliseWords(words: readonly string[], options: Options): readonly string[] {
  const takesValue = spelledFlags(options);
  const result: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--') return [...result, ...words.slice(index)];
    const [name = '', value] = splitOption(word);
    const wantsValue = takesValue.get(name);
    if (wantsValue === undefined) {
      result.push(word);
    } else if (!wantsValue || value !== undefined) {
      result.push(value === undefined ? `--${name}` : `--${name}=${value}`);
    } else if (index + 1 < words.length) {
      // One word, so that a value that starts with a dash is not taken for an option.
      index += 1;
      result.push(`--${name}=${words[index] ?? ''}`);
    } else {
      result.push(`--${name}`);
    }
  }
  return result;
}

/** `-name`, `--name`, with `=value` or without; one letter after one dash is left to the parser. */
function splitOption(word: string): readonly (string | undefined)[] {
  const match = /^--?(?<name>[A-Za-z][\w-]+)(=(?<value>[^]*))?$/.exec(word);
  return match === null ? [] : [match.groups?.['name'], match.groups?.['value']];
}

/** Every flag of the options, and whether it takes a value. */
function spelledFlags(options: Options): ReadonlyMap<string, boolean> {
  const flags = new Map<string, boolean>([
    ['help', false],
    ...GLOBAL_OPTIONS.map(({ flag, placeholder }) => [flag, placeholder !== undefined] as const),
  ]);
  for (const [key, option] of Object.entries(options)) {
    if (option.kind === 'choice') for (const name of option.flags) flags.set(name, false);
    else flags.set(key, option.kind === 'value');
  }
  return flags;
}

/**
 * Options of every command may also stand before its name, as in `--connect sim: -v list`: gives the words with the name
 * first.
 */
export function commandFirst(words: readonly string[]): readonly string[] {
  let index = 0;
  while (index < words.length) {
    const word = words[index] ?? '';
    const [name = '', value] = splitOption(word);
    const option = GLOBAL_OPTIONS.find(
      ({ flag, short }) => flag === name || (short !== undefined && word === `-${short}`),
    );
    if (option === undefined) break;
    index += option.placeholder === undefined || value !== undefined ? 1 : 2;
  }
  const [command, ...rest] = words.slice(index);
  return command === undefined ? words : [command, ...words.slice(0, index), ...rest];
}

/** An option that every command has. */
interface GlobalOption {
  readonly flag: string;
  readonly short?: string;
  readonly placeholder: string | undefined;
  readonly doc: string;
  /** Only commands that change something have it. */
  readonly onlyChanges?: boolean;
}

/** Options that every command has. */
export const GLOBAL_OPTIONS: readonly GlobalOption[] = [
  {
    flag: 'connect',
    placeholder: 'URI',
    doc: 'the host: xen: for this Dom0, sim: or sim:PATH for an embedded one (XENOPS_CONNECT)',
  },
  { flag: 'timeout', placeholder: 'SECONDS', doc: 'how long to wait for each thing waited for' },
  { flag: 'json', placeholder: undefined, doc: 'print the result, or the error, as JSON' },
  {
    flag: 'plan',
    placeholder: undefined,
    doc: 'print what would be done, and do nothing',
    onlyChanges: true,
  },
  {
    flag: 'verbose',
    short: 'v',
    placeholder: undefined,
    doc: 'tell of every hypercall and every request to xenstored',
  },
  { flag: 'debug', placeholder: undefined, doc: 'print errors with all that is known about them' },
];
