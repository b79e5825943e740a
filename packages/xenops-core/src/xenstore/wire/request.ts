/**
 * Requests as data, to bytes (for clients) and from bytes (for servers). Field order and terminators are those of
 * docs/misc/xenstore.txt; every text field ends with a NUL except a value written, which runs to the end.
 */
import type { Frame } from './frame.ts';
import { encodeFrame, splitTexts } from './frame.ts';
import { findMessageName, MessageType, type RequestName } from './message-type.ts';

type PathRequest = 'directory' | 'read' | 'getPermissions' | 'mkdir' | 'rm';
type DomainRequest = 'release' | 'getDomainPath' | 'isDomainIntroduced' | 'resume';

/** One request. Domids, frames and ports are decimal text on the wire and stay so here: a server checks them. */
export type Request =
  | { readonly name: PathRequest; readonly path: string }
  | { readonly name: 'directoryPart'; readonly path: string; readonly offset: string }
  | { readonly name: 'write'; readonly path: string; readonly value: Uint8Array }
  | {
      readonly name: 'setPermissions';
      readonly path: string;
      readonly permissions: readonly string[];
    }
  | {
      readonly name: 'watch';
      readonly path: string;
      readonly token: string;
      readonly depth?: string;
    }
  | { readonly name: 'unwatch'; readonly path: string; readonly token: string }
  | { readonly name: 'transactionStart' | 'resetWatches' }
  | { readonly name: 'transactionEnd'; readonly commit: boolean }
  | {
      readonly name: 'introduce';
      readonly domid: string;
      readonly frame: string;
      readonly port: string;
    }
  | { readonly name: DomainRequest; readonly domid: string }
  | { readonly name: 'setTarget'; readonly domid: string; readonly target: string }
  | { readonly name: 'control'; readonly words: readonly string[] }
  /** Of the domain, or what the daemon offers the asker. */
  | { readonly name: 'getFeature'; readonly domid?: string }
  | { readonly name: 'setFeature'; readonly domid: string; readonly features: string }
  /** The value of one for all domains or for one; without a name, the names of all. */
  | { readonly name: 'getQuota'; readonly domid?: string; readonly quota?: string }
  | {
      readonly name: 'setQuota';
      readonly domid?: string;
      readonly quota: string;
      readonly limit: string;
    };

/** The ids that go with a request. */
export interface RequestIds {
  readonly requestId: number;
  readonly transactionId: number;
}

/** The request as bytes. Throws PROTOCOL_LOCAL when it is too long. */
export function encodeRequest(request: Request, ids: RequestIds): Buffer {
  return encodeFrame({ type: MessageType[request.name], ...ids }, requestParts(request));
}

function requestParts(request: Request): readonly (string | Uint8Array)[] {
  switch (request.name) {
    case 'directory':
    case 'read':
    case 'getPermissions':
    case 'mkdir':
    case 'rm':
      return [request.path, '\0'];
    case 'directoryPart':
      return [request.path, '\0', request.offset, '\0'];
    case 'write':
      return [request.path, '\0', request.value];
    case 'setPermissions':
      return [`${[request.path, ...request.permissions].join('\0')}\0`];
    case 'watch':
      return [
        [request.path, request.token, request.depth ?? ''].join('\0').replace(/\0$/, ''),
        '\0',
      ];
    case 'unwatch':
      return [request.path, '\0', request.token, '\0'];
    case 'transactionStart':
    case 'resetWatches':
      return ['\0'];
    case 'transactionEnd':
      return [request.commit ? 'T\0' : 'F\0'];
    case 'introduce':
      return [`${request.domid}\0${request.frame}\0${request.port}\0`];
    case 'release':
    case 'getDomainPath':
    case 'isDomainIntroduced':
    case 'resume':
      return [request.domid, '\0'];
    case 'setTarget':
      return [request.domid, '\0', request.target, '\0'];
    case 'control':
      return [`${request.words.join('\0')}\0`];
    case 'getFeature':
      return [terminated(request.domid)];
    case 'setFeature':
      return [terminated(request.domid, request.features)];
    case 'getQuota':
      return [terminated(request.domid, request.quota)];
    case 'setQuota':
      return [terminated(request.domid, request.quota, request.limit)];
  }
}

/** Those texts that there are, each with a NUL. */
function terminated(...texts: readonly (string | undefined)[]): string {
  return texts.map((text) => (text === undefined ? '' : `${text}\0`)).join('');
}

/** A request that cannot be understood: what a server answers, EINVAL for bad fields, ENOSYS for a type it has not. */
export interface BadRequest {
  readonly name: 'bad';
  readonly error: 'EINVAL' | 'ENOSYS';
}

const INVALID: BadRequest = { name: 'bad', error: 'EINVAL' };
const UNKNOWN: BadRequest = { name: 'bad', error: 'ENOSYS' };

/** The request in a frame. Never throws: what is malformed comes back as `bad` with the error to answer. */
export function decodeRequest(frame: Frame): Request | BadRequest {
  const name = findMessageName(frame.type);
  if (name === undefined || name === 'watchEvent' || name === 'error') return UNKNOWN;
  if (name === 'write') return decodeWrite(frame.payload);
  const endsInNul = frame.payload.at(-1) === 0 || (frame.payload.length === 0 && mayBeEmpty(name));
  if (!endsInNul) return INVALID;
  return decodeTexts(name, frame.payload) ?? INVALID;
}

/** Requests whose fields may all be left out. */
function mayBeEmpty(name: RequestName): boolean {
  return name === 'getFeature' || name === 'getQuota';
}

function decodeWrite(payload: Buffer): Request | BadRequest {
  const end = payload.indexOf(0);
  if (end < 0) return INVALID;
  return {
    name: 'write',
    path: payload.toString('utf8', 0, end),
    value: payload.subarray(end + 1),
  };
}

function decodeTexts(name: Exclude<RequestName, 'write'>, payload: Buffer): Request | undefined {
  const texts = splitTexts(payload);
  const [first, second, third] = texts;
  if (name === 'transactionStart' || name === 'resetWatches') return { name };
  if (name === 'control') return { name, words: texts };
  if (name === 'getFeature' || name === 'getQuota') return decodeGetter(name, texts);
  if (first === undefined) return undefined;
  switch (name) {
    case 'directory':
    case 'read':
    case 'getPermissions':
    case 'mkdir':
    case 'rm':
      return texts.length === 1 ? { name, path: first } : undefined;
    case 'release':
    case 'getDomainPath':
    case 'isDomainIntroduced':
    case 'resume':
      return texts.length === 1 ? { name, domid: first } : undefined;
    case 'transactionEnd':
      if (texts.length > 1) return undefined;
      return first === 'T' || first === 'F' ? { name, commit: first === 'T' } : undefined;
    case 'setPermissions':
      return texts.length > 1 ? { name, path: first, permissions: texts.slice(1) } : undefined;
    default:
  }
  if (second === undefined) return undefined;
  switch (name) {
    case 'directoryPart':
      return texts.length === 2 ? { name, path: first, offset: second } : undefined;
    case 'watch':
      return { name, path: first, token: second, ...(third === undefined ? {} : { depth: third }) };
    case 'unwatch':
      return texts.length === 2 ? { name, path: first, token: second } : undefined;
    case 'setTarget':
      return { name, domid: first, target: second };
    case 'setFeature':
      return texts.length === 2 ? { name, domid: first, features: second } : undefined;
    case 'setQuota':
      if (texts.length > 3) return undefined;
      return third === undefined
        ? { name, quota: first, limit: second }
        : { name, domid: first, quota: second, limit: third };
    case 'introduce':
      return third === undefined ? undefined : { name, domid: first, frame: second, port: third };
  }
}

function decodeGetter(
  name: 'getFeature' | 'getQuota',
  texts: readonly string[],
): Request | undefined {
  const [first, second] = texts;
  if (name === 'getFeature') {
    if (texts.length > 1) return undefined;
    return first === undefined ? { name } : { name, domid: first };
  }
  if (texts.length > 2) return undefined;
  if (first === undefined) return { name };
  return second === undefined ? { name, quota: first } : { name, domid: first, quota: second };
}
