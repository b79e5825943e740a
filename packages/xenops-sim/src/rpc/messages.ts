/**
 * Messages of the hypervisor's socket, one JSON text a line. Among the arguments of a call there may be functions of the
 * caller, which the other side calls back by `ask` and gets an `answer` or a `refusal` from.
 */
import type { Progress } from '@xenops/core/hypervisor';
import { isVerb, VERBS, type Verb } from '../hypervisor/verbs.ts';
import { isMachineVerb, type MachineVerb } from './machine-verbs.ts';
import type { WireFailure } from './error-codec.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

export type ClientMessage =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly verb: Verb | MachineVerb;
      readonly args: readonly unknown[];
    }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly error: WireFailure };

export type ServerMessage =
  | { readonly kind: 'result'; readonly id: number; readonly value?: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: WireFailure }
  | { readonly kind: 'progress'; readonly id: number; readonly progress: Progress }
  /** Calls a function that came with a call; `id` is the question's own. */
  | {
      readonly kind: 'ask';
      readonly id: number;
      readonly fn: number;
      readonly args: readonly unknown[];
    };

/** One line; `keep` numbers the functions among the values. */
export function encodeMessage(
  message: ClientMessage | ServerMessage,
  keep?: (fn: RemoteFunction) => number,
): string {
  return `${encodeValue(message, keep)}\n`;
}

/** A function that takes and gives plain data. */
export type RemoteFunction = (...args: readonly unknown[]) => unknown;

/** What a client sent, its functions made by `makeFunction`; undefined when it is malformed. */
export function findClientMessage(
  line: string,
  makeFunction?: (fn: number) => RemoteFunction,
): ClientMessage | undefined {
  const message = findObject(line, makeFunction);
  if (message === undefined || typeof message['id'] !== 'number') return undefined;
  const { kind, id, verb, args, value, error } = message;
  if (kind === 'abort') return { kind, id };
  if (kind === 'answer') return { kind, id, value };
  // The client is our own: what it puts into these is what it has the type for.
  if (kind === 'refusal' && isObject(error)) {
    return { kind, id, error: error as unknown as WireFailure };
  }
  if (kind !== 'call' || typeof verb !== 'string' || !Array.isArray(args)) return undefined;
  if (isMachineVerb(verb)) return { kind, id, verb, args };
  if (!isVerb(verb) || VERBS[verb] === 'local') return undefined;
  return { kind, id, verb, args };
}

/** What the server sent; undefined when it is malformed. */
export function findServerMessage(line: string): ServerMessage | undefined {
  const message = findObject(line);
  if (message === undefined || typeof message['id'] !== 'number') return undefined;
  const { kind, id, value, error, progress, fn, args } = message;
  if (kind === 'result') return { kind, id, value };
  // The server is our own: what it puts into these is what it has the type for.
  if (kind === 'failure' && isObject(error)) {
    return { kind, id, error: error as unknown as WireFailure };
  }
  if (kind === 'progress' && isObject(progress)) {
    return { kind, id, progress: progress as unknown as Progress };
  }
  if (kind === 'ask' && typeof fn === 'number' && Array.isArray(args))
    return { kind, id, fn, args };
  return undefined;
}

function findObject(
  line: string,
  makeFunction?: (fn: number) => RemoteFunction,
): Record<string, unknown> | undefined {
  try {
    const value = decodeValue(line, makeFunction);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
