/** What the commands get from their process, and how they end. */
import { hasCode } from '@xenops/core/errors';
import { BusError, DbusError } from '@xenops/rpcgen/runtime';
import { findErrorNumber } from '../client/errors.ts';

/** The process around a command. */
export interface CommandContext {
  readonly words: readonly string[];
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Fires when the user interrupts. */
  readonly signal: AbortSignal;
}

/** The statuses that the old commands had, and that of an interrupted program. */
export const EXIT_STATUS = { done: 0, failed: 1, interrupted: 130 } as const;

/**
 * Runs a command to its exit status. An error goes to standard error: an error reply as its name, a colon and its
 * text; everything else after the name of the program.
 */
export async function runToStatus(
  { words, err, signal }: CommandContext,
  program: string,
  run: () => Promise<void>,
): Promise<number> {
  try {
    await run();
    return EXIT_STATUS.done;
  } catch (error) {
    if (signal.aborted) return EXIT_STATUS.interrupted;
    // The command line may be what is wrong, so that nothing better is known of it.
    const isJson = words.includes('--json') && !words.includes('--');
    err(isJson ? `${JSON.stringify(errorJson(error))}\n` : `${errorText(error, program)}\n`);
    return EXIT_STATUS.failed;
  }
}

function errorText(error: unknown, program: string): string {
  if (error instanceof DbusError) return `${error.errorName}: ${error.message}`;
  const hint = hasCode(error, 'TIMEOUT') ? '; --timeout sets how long to wait' : '';
  return `${program}: ${sentencesOf(error).join(': ')}${hint}`;
}

/** What failed and why, the outermost first. */
function sentencesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [String(error)];
  const details = error instanceof BusError ? detailsOf(error) : '';
  const causes = error.cause === undefined ? [] : sentencesOf(error.cause);
  return [`${error.message}${details}`, ...causes];
}

function detailsOf({ context }: BusError): string {
  const details = Object.entries(context).filter(([, value]) => value !== undefined);
  if (details.length === 0) return '';
  return ` (${details.map(([key, value]) => `${key}: ${String(value)}`).join(', ')})`;
}

function errorJson(error: unknown): object {
  const code = error instanceof Error && 'code' in error ? error.code : 'UNEXPECTED';
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof DbusError))
    return { error: { code, message: sentencesOf(error).join(': ') } };
  return { error: { code, name: error.errorName, number: findErrorNumber(error), message } };
}
