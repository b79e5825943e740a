// What can go wrong, as codes: callers match on the code, people read the message.

export type LabErrorCode =
  | 'LAB_ABORTED'
  | 'LAB_COMMAND_FAILED'
  | 'LAB_HOST_UNSUITABLE'
  | 'LAB_LOST'
  | 'LAB_NOT_FOUND'
  | 'LAB_TIMEOUT'
  | 'LAB_USAGE';

export interface LabErrorDetails {
  /** One sentence: what was being done to what. */
  readonly message: string;
  /** Plain data for logs: names, paths, exit statuses, the end of an output. */
  readonly context?: Readonly<Record<string, string | number | boolean | null>>;
  readonly cause?: unknown;
}

/** Every failure of this package. */
export class LabError extends Error {
  readonly code: LabErrorCode;
  readonly context: NonNullable<LabErrorDetails['context']>;

  constructor(code: LabErrorCode, { message, context = {}, cause }: LabErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LabError';
    this.code = code;
    this.context = context;
  }
}

/** Something did not answer within its time; the message says what was awaited. */
export class TimeoutError extends LabError {
  constructor(details: LabErrorDetails) {
    super('LAB_TIMEOUT', details);
    this.name = 'TimeoutError';
  }
}

/** The error for an aborted signal, with the signal's reason as its cause. */
export function abortedError(doing: string, signal: AbortSignal): LabError {
  return new LabError('LAB_ABORTED', { message: `Stopped ${doing}`, cause: signal.reason });
}

/** The code of a system error (`ENOENT`); undefined for anything else. Not by class: test runners have two of each. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
