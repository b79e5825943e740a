/**
 * One word of a POSIX shell that stands for exactly this text.
 *
 * @throws LabError LAB_USAGE for a NUL, which no argument can hold.
 */
import { LabError } from './errors.ts';

export function quoteWord(text: string): string {
  if (text.includes('\0')) {
    throw new LabError('LAB_USAGE', { message: 'A command argument cannot contain a NUL byte' });
  }
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A shell command line that runs `argv` with its arguments exactly as given. */
export function quoteCommand(argv: readonly string[]): string {
  return argv.map(quoteWord).join(' ');
}
