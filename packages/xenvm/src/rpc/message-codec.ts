/**
 * JSON-RPC requests out of texts, and answers as texts, in both dialects. The historical one always said -32602 and
 * answered what it could not read under id 0; its clients never saw another code, so that it still does, with the true
 * reason in `message` and `data`.
 */
import { isJsonObject, parseJson, renderSpacedJson } from './json-text-codec.ts';
import type { JsonObject, JsonValue } from './json-text-codec.ts';
import {
  historicalTextsOf,
  RequestError,
  RPC_CODE,
  rpcErrorBody,
  sentenceOf,
} from './rpc-errors.ts';
import type { TaskArguments, TaskOutcome, TaskValue } from './vm-port.ts';

/** Names of requests that are no tasks begin so. */
export const RESERVED_PREFIX = '$/';

/** What identifies a request within its connection. */
export type RequestId = string | number;

/** A request of the persistent framing. */
export interface PersistentRequest {
  /** Absent only for what asks for no answer. */
  readonly id?: RequestId;
  readonly method: string;
  readonly params: JsonObject;
  /** Whether the client wants to hear how far it is. */
  readonly wantsProgress: boolean;
  /** Whether the result shall be the historical text even where the task has data. */
  readonly wantsText: boolean;
}

/** A request of the historical framing. */
export interface HistoricalCall {
  readonly id: JsonValue;
  readonly method: string;
  readonly args: TaskArguments;
}

/** A request that failed before it ran, with the id to answer under. */
export interface BadRequest {
  readonly kind: 'bad';
  readonly id: RequestId | null;
  readonly error: RequestError;
}

/** Reads a line. Never throws. */
export function parsePersistent(
  text: string,
): (PersistentRequest & { readonly kind: 'request' }) | BadRequest {
  let id: RequestId | null = null;
  try {
    const message = parseObject(text);
    id = requestIdOf(message['id']) ?? null;
    const method = methodOf(message);
    const params = message['params'] ?? {};
    if (!isJsonObject(params)) {
      throw new RequestError(RPC_CODE.invalidRequest, 'params must be an object');
    }
    if (message['id'] !== undefined && id === null) {
      throw new RequestError(RPC_CODE.invalidRequest, 'id must be a string or a number');
    }
    const wantsProgress = message['progress'] === true;
    const wantsText = message['text'] === true;
    return {
      kind: 'request',
      ...(id === null ? {} : { id }),
      method,
      params,
      wantsProgress,
      wantsText,
    };
  } catch (error) {
    return { kind: 'bad', id, error: asRequestError(error) };
  }
}

/** Reads the text of a historical frame. Throws RequestError. */
export function parseHistorical(text: string): HistoricalCall {
  try {
    const message = parseObject(text);
    const params = message['params'];
    const method = methodOf(message);
    if (typeof params !== 'object' || params === null) {
      throw new RequestError(RPC_CODE.invalidParams, 'params must be there, an object or an array');
    }
    const args = isJsonObject(params) ? taskArguments(params) : {};
    return { id: message['id'] ?? 0, method, args };
  } catch (error) {
    throw asRequestError(error);
  }
}

/** The members as arguments of a task. Throws RequestError for a value that none can have. */
export function taskArguments(params: JsonObject): TaskArguments {
  const args = Object.entries(params).map(([name, value]) => {
    if (!isTaskValue(value)) {
      throw new RequestError(
        RPC_CODE.invalidParams,
        `Argument "${name}" must be a text, a number, a boolean or a list of texts`,
      );
    }
    return [name, value] as const;
  });
  return Object.fromEntries(args);
}

/** A text that identifies an id, since 1 and "1" are two. */
export function idKey(id: RequestId): string {
  return JSON.stringify(id);
}

/** The id of a request; undefined for what cannot be one. */
export function requestIdOf(value: JsonValue | undefined): RequestId | undefined {
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}

/** A request in the historical dialect, as the old client wrote it. */
export function renderHistoricalRequest(method: string, args: TaskArguments): string {
  return renderSpacedJson({ jsonrpc: '2.0', method, params: args, id: 1 });
}

/** The answer to a historical request. */
export function renderHistoricalResult(id: JsonValue, { text }: TaskOutcome): string {
  return renderSpacedJson({ jsonrpc: '2.0', id, result: text ?? null });
}

/** The refusal of a historical request. */
export function renderHistoricalError(id: JsonValue, error: unknown): string {
  const message = historicalTextsOf(error)?.readable ?? sentenceOf(error);
  const { code: reason, data } = rpcErrorBody(error);
  const details = error instanceof RequestError ? {} : { data: { ...data, code: reason } };
  return renderSpacedJson({
    jsonrpc: '2.0',
    id,
    error: { code: RPC_CODE.invalidParams, message, ...details },
  });
}

/** One line of the persistent framing. */
export function renderLine(message: JsonObject): string {
  return `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;
}

/** The answer to a persistent request: the data where the task has some and nobody wants text, else the text. */
export function renderResult(
  id: RequestId,
  { text, data }: TaskOutcome,
  { wantsText }: Pick<PersistentRequest, 'wantsText'>,
): string {
  const fallback = text ?? null;
  return renderLine({ id, result: wantsText ? fallback : (data ?? fallback) });
}

/** The refusal of a persistent request. */
export function renderError(id: RequestId | null, error: unknown): string {
  const { code, message, data } = rpcErrorBody(error);
  return renderLine({ id, error: { code, message, ...(data === undefined ? {} : { data }) } });
}

function parseObject(text: string): JsonObject {
  const message = parseJson(text);
  if (isJsonObject(message)) return message;
  throw new RequestError(RPC_CODE.invalidRequest, 'A request is one JSON object');
}

function methodOf(message: JsonObject): string {
  const { method } = message;
  if (typeof method === 'string') return method;
  throw new RequestError(RPC_CODE.invalidRequest, 'method must be a string');
}

function isTaskValue(value: JsonValue): value is TaskValue {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string');
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function asRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RequestError(RPC_CODE.parseError, message, { cause: error });
}
