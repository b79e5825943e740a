/**
 * A xenstore in which nothing is written: reads see the real one with what the plan would have written over it. Others are taken to do their
 * part at once: a back-end in Initialising goes to InitWait, one in Closing to Closed, hotplug reports success, a guest acknowledges.
 */
import { hasCode, XenStoreError } from '@xenops/core/errors';
import { DOM0 } from '@xenops/core/ids';
import {
  ownedBy,
  renderPermissions,
  type Permissions,
  type Watch,
  type WatchEvent,
  type XenStore,
  type XenStoreTree,
} from '@xenops/core/xenstore';
import { XENBUS } from '@xenops/core/devices';
import type { PlanRecorder } from './plan-recorder.ts';

const BACKEND_STATE = /^\/local\/domain\/\d+\/backend\/.+\/state$/;
const HOTPLUG_STATUS = /^(\/local\/domain\/\d+\/backend\/.+)\/hotplug-status$/;
const SHUTDOWN = '/control/shutdown';

/** What a back-end makes of a state that it is told, or finds. */
const NEXT_STATE: Readonly<Record<string, number>> = {
  [XENBUS.initialising]: XENBUS.initWait,
  [XENBUS.closing]: XENBUS.closed,
  [XENBUS.reconfiguring]: XENBUS.connected,
};

export class PlanStore implements XenStore {
  readonly #real: XenStore;
  readonly #recorder: PlanRecorder;
  /** Values that were written; undefined for what was removed with all below it. In the order of the changes. */
  readonly #changes = new Map<string, string | undefined>();

  constructor(real: XenStore, recorder: PlanRecorder) {
    this.#real = real;
    this.#recorder = recorder;
  }

  async find(path: string): Promise<string | undefined> {
    const own = this.#changes.get(path);
    if (own !== undefined) return asAnswered(path, own);
    const device = HOTPLUG_STATUS.exec(path)?.[1];
    if (device !== undefined && this.#hasBelow(device)) return 'connected';
    const real = this.#isRemoved(path)
      ? undefined
      : await this.#recorder.ask(() => this.#real.find(path));
    // A node comes into being with those below it.
    return real ?? (this.#hasBelow(path) ? '' : undefined);
  }

  async read(path: string): Promise<string> {
    const value = await this.find(path);
    if (value === undefined) throw noEntry(path);
    return value;
  }

  async readBytes(path: string): Promise<Uint8Array> {
    return new TextEncoder().encode(await this.read(path));
  }

  async directory(path: string): Promise<readonly string[]> {
    const isOurs = this.#changes.get(path) !== undefined || this.#hasBelow(path);
    const real = this.#isRemoved(path)
      ? []
      : await this.#recorder.ask(() => this.#listReal(path, isOurs));
    if (this.#isRemoved(path) && !isOurs) throw noEntry(path);
    const below = `${path}/`;
    const names = new Set(real.filter((name) => !this.#isRemoved(`${below}${name}`)));
    for (const [changed, value] of this.#changes) {
      if (value === undefined || !changed.startsWith(below)) continue;
      names.add(changed.slice(below.length).split('/')[0] ?? '');
    }
    return [...names];
  }

  async write(path: string, value: string | Uint8Array): Promise<void> {
    const text = typeof value === 'string' ? value : new TextDecoder().decode(value);
    this.#changes.set(path, text);
    this.#recorder.add({ kind: 'write', path, value: text });
  }

  async mkdir(path: string): Promise<void> {
    if ((await this.find(path)) === undefined) this.#changes.set(path, '');
    this.#recorder.add({ kind: 'mkdir', path });
  }

  async rm(path: string): Promise<void> {
    for (const changed of [...this.#changes.keys()]) {
      if (changed.startsWith(`${path}/`)) this.#changes.delete(changed);
    }
    this.#changes.set(path, undefined);
    this.#recorder.add({ kind: 'rm', path });
  }

  async getPermissions(path: string): Promise<Permissions> {
    if (this.#changes.has(path) || this.#isRemoved(path)) return ownedBy(DOM0);
    return this.#recorder.ask(() => this.#real.getPermissions(path));
  }

  async setPermissions(path: string, permissions: Permissions): Promise<void> {
    const text = renderPermissions(permissions).join(' ');
    this.#recorder.add({ kind: 'permissions', path, permissions: text });
  }

  async transaction<T>(body: (tree: XenStoreTree) => Promise<T>): Promise<T> {
    return this.#recorder.gather(() => body(this));
  }

  /** One event, as at every registration; then the plan ends, for nobody else changes anything in it. */
  watch(path: string): Promise<Watch> {
    const recorder = this.#recorder;
    let isClosed = false;
    const events = async function* (): AsyncGenerator<WatchEvent, void, void> {
      yield { kind: 'changed', path };
      await recorder.idle();
      if (!isClosed) throw recorder.end([path]);
    };
    return Promise.resolve({
      path,
      [Symbol.asyncIterator]: events,
      async [Symbol.asyncDispose]() {
        isClosed = true;
      },
    });
  }

  async introduce(...args: Parameters<XenStore['introduce']>): Promise<void> {
    const [domid, frame, port] = args;
    this.#recorder.add({
      kind: 'xenstored',
      verb: 'introduce',
      args: [domid, `0x${frame.toString(16)}`, port],
    });
  }

  async release(domid: Parameters<XenStore['release']>[0]): Promise<void> {
    this.#recorder.add({ kind: 'xenstored', verb: 'release', args: [domid] });
  }

  async resume(domid: Parameters<XenStore['resume']>[0]): Promise<void> {
    this.#recorder.add({ kind: 'xenstored', verb: 'resume', args: [domid] });
  }

  async setTarget(...args: Parameters<XenStore['setTarget']>): Promise<void> {
    this.#recorder.add({ kind: 'xenstored', verb: 'setTarget', args });
  }

  async resetWatches(): Promise<void> {
    this.#recorder.add({ kind: 'xenstored', verb: 'resetWatches', args: [] });
  }

  async control(...words: readonly string[]): Promise<string> {
    this.#recorder.add({ kind: 'xenstored', verb: 'control', args: words });
    return '';
  }

  isIntroduced(domid: Parameters<XenStore['isIntroduced']>[0]): Promise<boolean> {
    return this.#recorder.ask(() => this.#real.isIntroduced(domid));
  }

  getDomainPath(domid: Parameters<XenStore['getDomainPath']>[0]): Promise<string> {
    return this.#recorder.ask(() => this.#real.getDomainPath(domid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#real[Symbol.asyncDispose]();
  }

  async #listReal(path: string, isOurs: boolean): Promise<readonly string[]> {
    try {
      return await this.#real.directory(path);
    } catch (error) {
      if (isOurs && hasCode(error, 'XENSTORE_NO_ENTRY')) return [];
      throw error;
    }
  }

  #hasBelow(path: string): boolean {
    return [...this.#changes].some(
      ([changed, value]) => value !== undefined && changed.startsWith(`${path}/`),
    );
  }

  /** Whether the node, or one above it, was removed and not written again. */
  #isRemoved(path: string): boolean {
    if (this.#changes.get(path) !== undefined) return false;
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      const above = path.slice(0, end);
      if (this.#changes.has(above) && this.#changes.get(above) === undefined) return true;
    }
    return false;
  }
}

function noEntry(path: string): XenStoreError {
  return new XenStoreError('XENSTORE_NO_ENTRY', {
    message: 'There is no such node, or the plan has removed it',
    context: { path },
  });
}

function asAnswered(path: string, value: string): string {
  if (BACKEND_STATE.test(path)) return String(NEXT_STATE[value] ?? value);
  return path.endsWith(SHUTDOWN) ? '' : value;
}
