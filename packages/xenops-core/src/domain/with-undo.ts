import { DomainError } from '../errors.ts';
import { CleanupStack } from '../lifetime/cleanup-stack.ts';

/**
 * Runs an operation that is whole or not at all: when it fails, what it has pushed on `undo` is undone in reverse and its
 * own error is thrown. Should that fail too, DOMAIN_LEFTOVERS says so, with all errors as its causes.
 */
export async function withUndo<T>(
  what: string,
  body: (undo: CleanupStack) => Promise<T>,
): Promise<T> {
  const undo = new CleanupStack();
  try {
    return await body(undo);
  } catch (error) {
    try {
      await undo.unwind();
    } catch (failure) {
      throw new DomainError('DOMAIN_LEFTOVERS', {
        message: `${what} failed, and not everything it had done could be undone`,
        cause: new AggregateError([error, failure]),
      });
    }
    throw error;
  }
}
