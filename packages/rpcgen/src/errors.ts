import { renderProblem, type Problem } from './model/problem.ts';

/** Why a run of the generator failed. */
export type RpcgenErrorCode =
  /** The input is no valid interface description; `problems` has all of it. */
  | 'IDL_INVALID'
  /** The backend cannot express something of the input; `problems` says what. */
  | 'BACKEND_UNSUPPORTED'
  /** A file cannot be read. */
  | 'INPUT_UNREADABLE'
  /** The output cannot be written; nothing of it was. */
  | 'OUTPUT_FAILED'
  /** The command line is wrong. */
  | 'USAGE';

/** Details of an RpcgenError. */
export interface RpcgenErrorDetails {
  readonly message: string;
  readonly problems?: readonly Problem[];
  readonly cause?: unknown;
}

/** An error of the generator. Match on `code`. */
export class RpcgenError extends Error {
  override readonly name = 'RpcgenError';
  readonly code: RpcgenErrorCode;
  readonly problems: readonly Problem[];

  constructor(code: RpcgenErrorCode, { message, problems = [], cause }: RpcgenErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.problems = problems;
  }

  /** The problems as lines, or the message when there are none. */
  get report(): string {
    return this.problems.length === 0 ? this.message : this.problems.map(renderProblem).join('\n');
  }
}
