/** Errors as JSON-RPC says them. The standard codes, ours from -32000 down, name and context in `data`. */
import type { ErrorCode } from '@xenops/core/errors';
import type { VmErrorCode } from '../life/vm-error.ts';
import type { JsonObject } from './json-text-codec.ts';

/** Numbers of JSON-RPC 2.0, and ours. */
export const RPC_CODE = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internalError: -32_603,
  /** The task failed; `data.name` says how. */
  failed: -32_000,
  /** The state the VM is in does not allow the task. */
  wrongState: -32_001,
  cancelled: -32_002,
  timedOut: -32_003,
  /** This client asks for more at once than we give one. */
  tooMany: -32_004,
} as const;

/** Those that do not simply say "failed". */
const CODE_OF: Partial<Record<ErrorCode | VmErrorCode, number>> = {
  TASK_UNKNOWN: RPC_CODE.methodNotFound,
  TASK_ARGUMENT_MISSING: RPC_CODE.invalidParams,
  TASK_ARGUMENT_INVALID: RPC_CODE.invalidParams,
  VM_WRONG_STATE: RPC_CODE.wrongState,
  VM_ALREADY_CREATED: RPC_CODE.wrongState,
  VM_BUSY: RPC_CODE.tooMany,
  VM_OVERTAKEN: RPC_CODE.cancelled,
  VM_CLOSING: RPC_CODE.cancelled,
  CONFIG_BAD_VALUE: RPC_CODE.invalidParams,
  DOMAIN_WRONG_STATE: RPC_CODE.wrongState,
  ABORTED: RPC_CODE.cancelled,
  TIMEOUT: RPC_CODE.timedOut,
};

/** The `error` member of an answer. */
export interface RpcErrorBody {
  readonly code: number;
  readonly message: string;
  readonly data?: JsonObject;
}

/** The two ways in which an error was said historically; clients match on parts of them. */
export interface HistoricalTexts {
  /** For JSON-RPC. */
  readonly readable: string;
  /** For D-Bus, without `exception: `. */
  readonly rendered: string;
}

/** A request that cannot be run at all. */
export class RequestError extends Error {
  readonly body: RpcErrorBody;

  constructor(code: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.body = { code, message };
  }
}

/** How many causes of causes are looked at. */
const CAUSES_MAX = 8;

/** The error for the persistent framing. One without a code is our own fault, and its text stays here. */
export function rpcErrorBody(error: unknown): RpcErrorBody {
  if (error instanceof RequestError) return error.body;
  const name = codeOf(error);
  if (name === undefined) {
    return { code: RPC_CODE.internalError, message: 'The task ended in an unexpected error' };
  }
  const code = Object.entries(CODE_OF).find(([known]) => known === name)?.[1] ?? RPC_CODE.failed;
  return {
    code,
    message: messageOf(error),
    data: { name, context: contextOf(error), causes: causesOf(error).map(messageOf) },
  };
}

/** Whether the error says nothing to a client, so that it must be reported here. */
export function isUnexpected(error: unknown): boolean {
  return !(error instanceof RequestError) && codeOf(error) === undefined;
}

/** The code of an error, such as `DOMAIN_NO_MEMORY`. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(error.code)
    ? error.code
    : undefined;
}

/** The sentence of the error and those of its causes, on one line. */
export function sentenceOf(error: unknown): string {
  if (isUnexpected(error)) return rpcErrorBody(error).message;
  return [error, ...causesOf(error)].map(messageOf).join(': ');
}

/** What the error was called historically; undefined for one that is new. */
export function historicalTextsOf(error: unknown): HistoricalTexts | undefined {
  if (!(error instanceof Error) || !('historical' in error)) return undefined;
  const texts = error.historical;
  if (typeof texts !== 'object' || texts === null) return undefined;
  if (!('readable' in texts) || !('rendered' in texts)) return undefined;
  const { readable, rendered } = texts;
  return typeof readable === 'string' && typeof rendered === 'string'
    ? { readable, rendered }
    : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  let at = error;
  while (at instanceof Error && at.cause !== undefined && causes.length < CAUSES_MAX) {
    at = at.cause;
    causes.push(at);
  }
  return causes;
}

function contextOf(error: unknown): JsonObject {
  if (!(error instanceof Error) || !('context' in error)) return {};
  const { context } = error;
  if (typeof context !== 'object' || context === null) return {};
  return Object.fromEntries(
    Object.entries(context).flatMap(([name, value]: [string, unknown]) => {
      if (typeof value === 'bigint') return [[name, String(value)]];
      const isPlain = ['string', 'number', 'boolean'].includes(typeof value);
      return isPlain ? [[name, value as string | number | boolean]] : [];
    }),
  );
}
