/** The operations on the tree as requests, the same inside and outside a transaction. */
import { hasCode, ProtocolError, XenStoreError } from '../../errors.ts';
import { DIRECTORY_PART_ATTEMPTS_MAX } from '../limits.ts';
import { parsePermissions, renderPermissions, type Permissions } from '../permissions.ts';
import { splitTexts } from '../wire/frame.ts';
import { isPath } from '../wire/path.ts';
import type { Request } from '../wire/request.ts';
import type { XenStoreTree } from '../xenstore.ts';

/** Sends one request and gives the payload of its reply. */
export type Send = (request: Request) => Promise<Buffer>;

export class WireTree implements XenStoreTree {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  async read(path: string): Promise<string> {
    return (await this.#readRaw(path)).toString('utf8');
  }

  async readBytes(path: string): Promise<Uint8Array> {
    // Its own bytes: a view would hold the whole chunk that it came in.
    return Buffer.from(await this.#readRaw(path));
  }

  async find(path: string): Promise<string | undefined> {
    try {
      return await this.read(path);
    } catch (error) {
      if (hasCode(error, 'XENSTORE_NO_ENTRY')) return undefined;
      throw error;
    }
  }

  async directory(path: string): Promise<readonly string[]> {
    try {
      return splitTexts(await this.#send({ name: 'directory', path: checked(path) }));
    } catch (error) {
      if (!hasCode(error, 'XENSTORE_TOO_BIG')) throw error;
      return this.#directoryInParts(path);
    }
  }

  async write(path: string, value: string | Uint8Array): Promise<void> {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    await this.#send({ name: 'write', path: checked(path), value: bytes });
  }

  async mkdir(path: string): Promise<void> {
    await this.#send({ name: 'mkdir', path: checked(path) });
  }

  async rm(path: string): Promise<void> {
    try {
      await this.#send({ name: 'rm', path: checked(path) });
    } catch (error) {
      // A daemon says ENOENT when the parent is missing too: gone is gone.
      if (!hasCode(error, 'XENSTORE_NO_ENTRY')) throw error;
    }
  }

  async getPermissions(path: string): Promise<Permissions> {
    const payload = await this.#send({ name: 'getPermissions', path: checked(path) });
    return parsePermissions(splitTexts(payload));
  }

  async setPermissions(path: string, permissions: Permissions): Promise<void> {
    const texts = renderPermissions(permissions);
    await this.#send({ name: 'setPermissions', path: checked(path), permissions: texts });
  }

  #readRaw(path: string): Promise<Buffer> {
    return this.#send({ name: 'read', path: checked(path) });
  }

  /** A list that does not fit in one message; read again from the start when it changes in between. */
  async #directoryInParts(path: string): Promise<readonly string[]> {
    for (let attempt = 0; attempt < DIRECTORY_PART_ATTEMPTS_MAX; attempt += 1) {
      const names = await this.#readParts(path);
      if (names !== undefined) return names;
    }
    throw new XenStoreError('XENSTORE_BUSY', {
      message: 'A long directory changed each time it was listed',
      context: { path },
    });
  }

  async #readParts(path: string): Promise<readonly string[] | undefined> {
    const parts: Buffer[] = [];
    let generation: string | undefined;
    for (let offset = 0; ;) {
      const payload = await this.#send({ name: 'directoryPart', path, offset: String(offset) });
      const end = payload.indexOf(0);
      if (end < 0) {
        throw new ProtocolError('PROTOCOL_REMOTE', {
          message: 'Part of a directory has no generation',
        });
      }
      const seen = payload.toString('latin1', 0, end);
      if (generation !== undefined && seen !== generation) return undefined;
      generation = seen;
      const part = payload.subarray(end + 1);
      // The last part ends with an empty name more.
      const isLast = part.length <= 1 || (part.at(-1) === 0 && part.at(-2) === 0);
      parts.push(isLast ? part.subarray(0, -1) : part);
      if (isLast) return splitTexts(Buffer.concat(parts));
      offset += part.length;
    }
  }
}

/** The path, when it is one. Throws PROTOCOL_LOCAL: bad paths are caught here, with their name, not by the daemon. */
export function checked(path: string): string {
  if (isPath(path)) return path;
  throw new ProtocolError('PROTOCOL_LOCAL', {
    message: `"${path.slice(0, 100)}" is no path of xenstore: parts of letters, digits, - _ @, separated by single slashes`,
    context: { path },
  });
}
