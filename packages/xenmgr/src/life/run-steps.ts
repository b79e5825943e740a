/** An operation as named steps, each with what takes it back. */
import type { Logger } from '@xenops/core/daemon';
import { CleanupStack } from '@xenops/core/lifetime';

export interface NamedStep<Context> {
  /** Completes "while". */
  readonly name: string;
  readonly run: (context: Context, signal: AbortSignal) => Promise<void>;
  /** Takes back what it did, also when it stopped half way. Has its own deadline. */
  readonly undo?: (context: Context) => Promise<void>;
}

/**
 * Runs the steps in order. When one fails, those that were begun are undone, newest first, and the error is passed on;
 * what cannot be undone is logged.
 */
export async function runSteps<Context>(
  steps: readonly NamedStep<Context>[],
  context: Context,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): Promise<void> {
  const undo = new CleanupStack();
  for (const step of steps) {
    const { name } = step;
    undo.push(name, async () => step.undo?.(context));
    try {
      signal.throwIfAborted();
      await step.run(context, signal);
    } catch (error) {
      log.log('warn', `Failed while ${name}; it is undone`, error);
      await undo.unwind().catch((failure: unknown) => {
        log.log('error', 'Not everything could be undone', failure);
      });
      throw error;
    }
  }
}
