/** Messages of the hypervisor's socket, one JSON text a line. */
import type { Progress } from '@xenops/core/hypervisor';
import { decodeValue, encodeValue } from './value-codec.ts';
import type { WireFailure } from './error-codec.ts';

/** Verbs that can be called, and whether their last argument is `LongCallOptions`. */
export const VERBS = {
  version: 'short',
  physInfo: 'short',
  pcpuInfo: 'short',
  consoleRing: 'short',
  listDomains: 'short',
  findDomain: 'short',
  createDomain: 'short',
  setHandle: 'short',
  setMaxMemory: 'short',
  allocUnboundEvtchn: 'short',
  buildDomain: 'long',
  pause: 'short',
  unpause: 'short',
  shutdown: 'short',
  destroy: 'long',
} as const;

export type Verb = keyof typeof VERBS;

export type ClientMessage =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly verb: Verb;
      readonly args: readonly unknown[];
    }
  | { readonly kind: 'abort'; readonly id: number };

export type ServerMessage =
  | { readonly kind: 'result'; readonly id: number; readonly value?: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: WireFailure }
  | { readonly kind: 'progress'; readonly id: number; readonly progress: Progress };

export function encodeMessage(message: ClientMessage | ServerMessage): string {
  return `${encodeValue(message)}\n`;
}

/** What a client sent; undefined when it is malformed. */
export function findClientMessage(line: string): ClientMessage | undefined {
  const message = findObject(line);
  if (message === undefined || typeof message['id'] !== 'number') return undefined;
  const { kind, id, verb, args } = message;
  if (kind === 'abort') return { kind, id };
  if (kind !== 'call' || typeof verb !== 'string' || !isVerb(verb)) return undefined;
  return Array.isArray(args) ? { kind, id, verb, args } : undefined;
}

/** What the server sent; undefined when it is malformed. */
export function findServerMessage(line: string): ServerMessage | undefined {
  const message = findObject(line);
  if (message === undefined || typeof message['id'] !== 'number') return undefined;
  const { kind, id, value, error, progress } = message;
  if (kind === 'result') return { kind, id, value };
  // The server is our own: what it puts into these two is what it has the type for.
  if (kind === 'failure' && isObject(error))
    return { kind, id, error: error as unknown as WireFailure };
  if (kind === 'progress' && isObject(progress)) {
    return { kind, id, progress: progress as unknown as Progress };
  }
  return undefined;
}

function findObject(line: string): Record<string, unknown> | undefined {
  try {
    const value = decodeValue(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const isVerb = (name: string): name is Verb => Object.hasOwn(VERBS, name);
