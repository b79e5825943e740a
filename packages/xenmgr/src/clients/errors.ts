/** What is wrong with a command line, told to the person who wrote it. */
import { XenopsError } from '@xenops/core/errors';

/** Codes of `XecError`. */
export type XecErrorCode =
  /** The command line makes no sense. */
  | 'XEC_USAGE'
  /** The object has no such interface, method or property. */
  | 'XEC_NO_MEMBER'
  /** No VM was named, or none is like that. */
  | 'XEC_NO_VM'
  /** A method takes more or fewer arguments. */
  | 'XEC_ARGUMENT_COUNT'
  /** The text of an argument is no value of its type. */
  | 'XEC_BAD_VALUE'
  /** The object describes itself in a way that cannot be read. */
  | 'XEC_BAD_INTROSPECTION';

export class XecError extends XenopsError<XecErrorCode> {}

const MISREADINGS: readonly XecErrorCode[] = ['XEC_NO_MEMBER', 'XEC_ARGUMENT_COUNT', 'XEC_NO_VM'];

/** Whether the words of a call may be meant in another way: as options instead of arguments. */
export function isMisreading(error: unknown): boolean {
  return error instanceof XecError && MISREADINGS.includes(error.code);
}

/** An XEC_USAGE with that message. */
export function usageError(message: string): XecError {
  return new XecError('XEC_USAGE', { message });
}
