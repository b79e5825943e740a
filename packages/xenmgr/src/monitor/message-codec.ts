/**
 * The lines of a monitor's socket: JSON-RPC 2.0, one object a line. Pure. Every field is checked here, so that nothing
 * behind it meets a text where a number should be; what a newer monitor says besides is left alone.
 */
import { ProtocolError } from '@xenops/core/errors';

/** Where a reader of the events is: which run of the monitor, and the last number it has seen. */
export interface StreamPosition {
  readonly epoch: string;
  readonly sequence: number;
}

/** What happens, numbered one after the other. A snapshot holds everything as it is. */
export type StreamItem =
  | ({ readonly kind: 'snapshot'; readonly objects: ReadonlyMap<string, unknown> } & StreamPosition)
  | {
      readonly kind: 'set';
      readonly sequence: number;
      readonly object: string;
      readonly value: unknown;
    }
  | { readonly kind: 'removed'; readonly sequence: number; readonly object: string }
  | { readonly kind: 'notice'; readonly sequence: number; readonly parts: readonly string[] };

/** Why a monitor refused a task, or what failed in it. */
export interface RemoteFailure {
  /** The code, such as `VM_NO_MEMORY`; undefined from an old monitor, which has only texts. */
  readonly name: string | undefined;
  /** The sentence, and those of its causes. */
  readonly texts: readonly string[];
  readonly context: Readonly<Record<string, string | number | boolean>>;
}

export type MonitorMessage =
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number | undefined; readonly failure: RemoteFailure }
  | { readonly kind: 'event'; readonly item: StreamItem }
  /** From a newer monitor. */
  | { readonly kind: 'other' };

type JsonObject = Readonly<Record<string, unknown>>;

/** Sentences of an error that are kept, and characters of each. */
const TEXTS_MAX = 8;
const TEXT_CHARACTERS_MAX = 1000;
/** Parts of a notification, and characters of each. */
const PARTS_MAX = 16;

/** One request. */
export function renderRequest(id: number, method: string, params: JsonObject): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, method, params, text: true })}\n`;
}

/** Calls a task off. */
export function renderCancel(id: number): string {
  return `${JSON.stringify({ jsonrpc: '2.0', method: '$/cancel', params: { id } })}\n`;
}

/** What a line says. Throws PROTOCOL_REMOTE for one that no monitor writes. */
export function parseMessage(line: string): MonitorMessage {
  const message = parseObject(line);
  const { id, method, params, result, error } = message;
  if (method === '$/event') return { kind: 'event', item: streamItem(params) };
  if (method !== undefined) return { kind: 'other' };
  const known = typeof id === 'number' ? id : undefined;
  if (isObject(error)) return { kind: 'failure', id: known, failure: remoteFailure(error) };
  if (known === undefined) throw malformed('an answer has the number of its request');
  return { kind: 'result', id: known, value: result ?? null };
}

/** The position that the answer to a subscription tells. Throws PROTOCOL_REMOTE. */
export function parsePosition(value: unknown): StreamPosition {
  if (!isObject(value)) throw malformed('a position is an object');
  return { epoch: text(value['epoch'], 'epoch'), sequence: sequenceOf(value) };
}

/** Whether a value has members. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(line: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw malformed('a line is JSON', cause);
  }
  if (isObject(value)) return value;
  throw malformed('a line is one object');
}

function streamItem(params: unknown): StreamItem {
  if (!isObject(params)) throw malformed('an event is an object');
  const sequence = sequenceOf(params);
  switch (params['kind']) {
    case 'snapshot': {
      const { objects } = params;
      if (!isObject(objects)) throw malformed('a snapshot has objects');
      const epoch = text(params['epoch'], 'epoch');
      return { kind: 'snapshot', epoch, sequence, objects: new Map(Object.entries(objects)) };
    }
    case 'set': {
      const object = text(params['object'], 'object');
      return { kind: 'set', sequence, object, value: params['value'] };
    }
    case 'removed':
      return { kind: 'removed', sequence, object: text(params['object'], 'object') };
    case 'notice':
      return { kind: 'notice', sequence, parts: texts(params['parts'], PARTS_MAX) };
    default:
      throw malformed('an event is a snapshot, set, removed or notice');
  }
}

function remoteFailure(error: JsonObject): RemoteFailure {
  const data = isObject(error['data']) ? error['data'] : {};
  const { name, context, causes } = data;
  const message = typeof error['message'] === 'string' ? error['message'] : 'No reason was given';
  return {
    name: typeof name === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(name) ? name : undefined,
    texts: [message.slice(0, TEXT_CHARACTERS_MAX), ...texts(causes, TEXTS_MAX)],
    context: isObject(context) ? plainMembers(context) : {},
  };
}

function plainMembers(context: JsonObject): Readonly<Record<string, string | number | boolean>> {
  return Object.fromEntries(Object.entries(context).filter(isPlain));
}

function isPlain(entry: readonly [string, unknown]): entry is [string, string | number | boolean] {
  return ['string', 'number', 'boolean'].includes(typeof entry[1]);
}

function sequenceOf({ sequence }: JsonObject): number {
  if (typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence >= 0) {
    return sequence;
  }
  throw malformed('an event has a whole number');
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw malformed(`${what} is a text`);
}

function texts(value: unknown, countMax: number): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, countMax)
    .map((item) => (typeof item === 'string' ? item.slice(0, TEXT_CHARACTERS_MAX) : ''));
}

function malformed(expected: string, cause?: unknown): ProtocolError {
  return new ProtocolError('PROTOCOL_REMOTE', {
    message: `The monitor of VMs sent something else than expected: ${expected}`,
    cause,
  });
}
