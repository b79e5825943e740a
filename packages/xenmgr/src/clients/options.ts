/**
 * Options and how they are read. The rules are the historical ones: options come first, of several equal ones the
 * first counts, and everything from the first word that is no option on belongs to the command. Beside them an option
 * may also stand at the end. Whether a word there is an option or an argument depends on how many arguments the
 * command takes, so that a command line has `readings`, of which the caller takes the first that fits: as before, when
 * that is possible.
 */
import { usageError } from './errors.ts';
import { didYouMean } from './suggest.ts';

/** An option. */
export interface OptionRow {
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** Another long name. */
  readonly alias?: string;
  /** Its values, as help names them. */
  readonly values: readonly string[];
  readonly help: string;
}

/** The values of each option that was given, by its name. */
export type GivenOptions = ReadonlyMap<string, readonly string[]>;

/** One way to read a command line. */
export interface Reading {
  readonly given: GivenOptions;
  /** The command and its arguments. */
  readonly words: readonly string[];
}

/** All ways to read a command line, that with most arguments first. Throws XEC_USAGE. */
export function readingsOf(
  words: readonly string[],
  table: readonly OptionRow[],
): readonly Reading[] {
  const { given, rest, isEnded } = takeLeading(words, table);
  const readings: Reading[] = [{ given, words: rest }];
  if (isEnded) return readings;
  for (let end = rest.length - 1; end > 0; end--) {
    const trailing = findOptions(rest.slice(end), table);
    // The first counts, so that what came first goes in last.
    if (trailing !== undefined) {
      readings.push({ given: new Map([...trailing, ...given]), words: rest.slice(0, end) });
    }
  }
  return readings;
}

/** The first value of an option. */
export function valueOf(given: GivenOptions, name: string): string | undefined {
  return given.get(name)?.[0];
}

interface Leading {
  readonly given: GivenOptions;
  readonly rest: readonly string[];
  /** "--" said that no option follows. */
  readonly isEnded: boolean;
}

function takeLeading(words: readonly string[], table: readonly OptionRow[]): Leading {
  const given = new Map<string, readonly string[]>();
  let index = 0;
  for (let word = words[0]; word !== undefined; word = words[index]) {
    if (word === '--') return { given, rest: words.slice(index + 1), isEnded: true };
    const option = readOption(words.slice(index), table);
    if (option === undefined && /^-./.test(word)) throw unknownOption(word, table);
    if (option === undefined) break;
    if (option.values.length < option.row.values.length) throw valueMissing(option.row);
    if (!given.has(option.row.name)) given.set(option.row.name, option.values);
    index += option.wordCount;
  }
  return { given, rest: words.slice(index), isEnded: false };
}

/** The options that these words are, or undefined when they are not all options. */
function findOptions(
  words: readonly string[],
  table: readonly OptionRow[],
): GivenOptions | undefined {
  const given = new Map<string, readonly string[]>();
  for (let index = 0; index < words.length;) {
    const option = readOption(words.slice(index), table);
    if (option === undefined || option.values.length < option.row.values.length) return undefined;
    if (!given.has(option.row.name)) given.set(option.row.name, option.values);
    index += option.wordCount;
  }
  return given;
}

interface ReadOption {
  readonly row: OptionRow;
  /** Fewer than the row says when the words end too early. */
  readonly values: readonly string[];
  readonly wordCount: number;
}

/** The option at the beginning of these words. `--name=value` is understood, too. */
function readOption(
  [word = '', ...more]: readonly string[],
  table: readonly OptionRow[],
): ReadOption | undefined {
  const { flag = word, attached } = /^(?<flag>--[^=]+)=(?<attached>.*)$/s.exec(word)?.groups ?? {};
  const row = table.find((one) => flagsOf(one).includes(flag));
  if (row === undefined) return undefined;
  if (attached !== undefined) {
    return row.values.length === 1 ? { row, values: [attached], wordCount: 1 } : undefined;
  }
  const values = more.slice(0, row.values.length);
  return { row, values, wordCount: 1 + values.length };
}

/** How an option is written, the letter first. */
export function flagsOf({ name, short, alias }: OptionRow): readonly string[] {
  return [
    ...(short === undefined ? [] : [`-${short}`]),
    `--${name}`,
    ...(alias === undefined ? [] : [`--${alias}`]),
  ];
}

function unknownOption(word: string, table: readonly OptionRow[]): Error {
  return usageError(`there is no option "${word}"${didYouMean(word, table.flatMap(flagsOf))}`);
}

function valueMissing({ name, values }: OptionRow): Error {
  return usageError(`option --${name} is followed by ${values.join(' and ')}`);
}
