/**
 * The stream of a host's events, fed by watches. What happened to one domain is told in the order in which it happened. A few watches serve all
 * domains, and an event costs the reads of its own node: its price does not grow with the number of domains. (A domain that comes or goes
 * costs one listing of all: Xen says that something happened, not to whom.)
 */
import { parseXenbusState } from '../devices/xenbus-state.ts';
import type { Host } from '../host/host.ts';
import type { Awaitable } from '../hypervisor/hypervisor.ts';
import { DOM0, type Domid, type VmUuid } from '../ids.ts';
import { CleanupStack } from '../lifetime/cleanup-stack.ts';
import { guestText } from '../parse/guest-text.ts';
import {
  deviceErrorPath,
  domainPath,
  frontendPath,
  INTRODUCE_DOMAIN,
  RELEASE_DOMAIN,
  VM_ROOT,
  vmPath,
} from '../xenstore/path.ts';
import type { Watch } from '../xenstore/xenstore.ts';
import { DomainTable } from './domain-table.ts';
import type { DeviceEnd, HostEvent } from './event.ts';
import { parseChangedPath, type ChangedNode } from './parse-path.ts';

/** Events that a slow reader may leave unread before it is told to start over. */
const UNREAD_MAX = 65_536;
/** Longest value of an extra node that is passed on. */
const VALUE_MAX = 4096;
/** Where a guest's agent says that its data changed. */
const AGENT_NODE = 'data/updated';

export interface HostEventOptions {
  /** Nodes below each domain's root to tell changes of, such as `vm-data/state`; a trailing slash means everything below. */
  readonly extraNodes?: readonly string[] | undefined;
  /** Driver domains whose back-ends are watched besides Dom0's. */
  readonly backendDomids?: readonly Domid[] | undefined;
  /** Whether device events are wanted; yes unless said. */
  readonly devices?: boolean | undefined;
}

/** Events until it is disposed of. Only one reader. */
export class HostEvents implements AsyncIterable<HostEvent>, AsyncDisposable {
  readonly #host: Host;
  readonly #options: HostEventOptions;
  readonly #table = new DomainTable();
  readonly #watches = new CleanupStack();
  /** Watches of single domains, to be dropped with them. */
  readonly #byDomain = new Map<Domid, CleanupStack>();
  /** What is being found out about each domain: one thing at a time. -1 is the list of all. */
  readonly #chains = new Map<number, Promise<void>>();
  #unread: HostEvent[] = [];
  #wake: () => void = () => undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Whether a listing of all domains waits for its turn. */
  #isListingDue = false;
  #isClosed = false;

  private constructor(host: Host, options: HostEventOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Starts watching. The first events say which domains there are. */
  static async open(host: Host, options: HostEventOptions = {}): Promise<HostEvents> {
    const events = new HostEvents(host, options);
    try {
      await events.#start();
      return events;
    } catch (error) {
      await events[Symbol.asyncDispose]();
      throw error;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<HostEvent, void, void> {
    for (;;) {
      const batch = this.#unread;
      this.#unread = [];
      yield* batch;
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#isClosed) return;
      if (this.#unread.length > 0) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    for (const stack of this.#byDomain.values()) await stack.unwind();
    this.#byDomain.clear();
    await this.#watches.unwind();
    await Promise.allSettled(this.#chains.values());
  }

  async #start(): Promise<void> {
    const { devices = true, backendDomids = [] } = this.#options;
    const refresh = (): void => this.#noteDomains();
    await this.#follow(this.#watches, INTRODUCE_DOMAIN, refresh);
    await this.#follow(this.#watches, RELEASE_DOMAIN, refresh);
    const changed = (path: string): void => this.#changed(path);
    await this.#follow(this.#watches, VM_ROOT, changed);
    if (!devices) return;
    for (const domid of new Set([DOM0, ...backendDomids])) {
      await this.#follow(this.#watches, domainPath(domid, 'backend'), changed);
    }
  }

  /** Watches a path until `stack` is unwound; a lost connection leads to a new look at everything. */
  async #follow(
    stack: CleanupStack,
    path: string,
    onChange: (path: string) => void,
  ): Promise<void> {
    const watch = await this.#host.store.watch(path);
    stack.push(`the watch on ${path}`, async () => watch[Symbol.asyncDispose]());
    void this.#drain(watch, onChange);
  }

  async #drain(watch: Watch, onChange: (path: string) => void): Promise<void> {
    try {
      for await (const event of watch) {
        if (event.kind === 'changed') onChange(event.path);
        else if (watch.path === RELEASE_DOMAIN) this.#enqueue(-1, () => this.#resync());
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Lists the domains, once for everything that happens before the listing begins: many may come and go together. */
  #noteDomains(): void {
    if (this.#isListingDue) return;
    this.#isListingDue = true;
    this.#enqueue(-1, async () => {
      this.#isListingDue = false;
      await this.#refresh();
    });
  }

  async #resync(): Promise<void> {
    this.#emit({ kind: 'resync' });
    await this.#refresh();
  }

  async #refresh(): Promise<void> {
    const domains = await this.#host.hypervisor.listDomains();
    for (const event of this.#table.update(domains)) {
      if (event.kind === 'released') this.#enqueue(event.domid, () => this.#forget(event.domid));
      if (event.kind === 'introduced' && event.domid !== DOM0) {
        this.#enqueue(event.domid, () => this.#watchDomain(event.domid));
      }
      // After what was seen of that domain before.
      if ('domid' in event) this.#enqueue(event.domid, () => this.#emit(event));
    }
  }

  async #watchDomain(domid: Domid): Promise<void> {
    const { devices = true, extraNodes = [] } = this.#options;
    const nodes = [
      AGENT_NODE,
      ...extraNodes.map((node) => node.replace(/\/$/, '')),
      ...(devices ? ['device', 'error/device'] : []),
    ];
    await this.#forget(domid);
    const stack = new CleanupStack();
    this.#byDomain.set(domid, stack);
    for (const node of nodes) {
      await this.#follow(stack, domainPath(domid, node), (path) => this.#changed(path));
    }
  }

  async #forget(domid: Domid): Promise<void> {
    const stack = this.#byDomain.get(domid);
    this.#byDomain.delete(domid);
    await stack?.unwind();
  }

  #changed(path: string): void {
    const change = parseChangedPath(path);
    if (change === undefined) return;
    const chain = 'device' in change ? change.device.domid : 'domid' in change ? change.domid : -1;
    this.#enqueue(chain, () => this.#look(change));
  }

  async #look(change: ChangedNode): Promise<void> {
    switch (change.kind) {
      case 'device-node':
        await this.#lookAtDevice(change.device, change.node);
        return;
      case 'device-error': {
        const { domid, deviceKind, devid } = change.device;
        const text = await this.#find(
          domainPath(domid, 'error', 'device', deviceKind, devid, 'error'),
        );
        if (text !== undefined && text !== '') {
          this.#emit({ kind: 'device-error', text: guestText(text), ...change.device });
        }
        return;
      }
      case 'rtc':
        await this.#lookAtClock(change.uuid);
        return;
      case 'domain-node':
        await this.#lookAtNode(change.domid, change.node);
    }
  }

  async #lookAtDevice(
    device: DeviceEnd,
    node: 'state' | 'hotplug-status' | 'params' | 'gone',
  ): Promise<void> {
    const { domid, end, deviceKind, devid, backend = DOM0 } = device;
    const address = { frontend: domid, kind: deviceKind, devid, backend, backendKind: deviceKind };
    const root =
      end === 'frontend'
        ? frontendPath(domid, deviceKind, devid)
        : domainPath(backend, 'backend', deviceKind, domid, devid);
    const value = await this.#find(node === 'gone' ? root : `${root}/${node}`);
    switch (node) {
      case 'gone':
        if (value === undefined) this.#emit({ kind: 'device', state: undefined, ...device });
        return;
      case 'state': {
        if (value === undefined) return;
        this.#emit({ kind: 'device', state: parseXenbusState(value), ...device });
        const error = end === 'backend' ? await this.#find(deviceErrorPath(address)) : undefined;
        if (error !== undefined)
          this.#emit({ kind: 'device-error', text: guestText(error), ...device });
        return;
      }
      case 'hotplug-status':
        if (value !== undefined && value !== '')
          this.#emit({ kind: 'hotplug', status: guestText(value), ...device });
        return;
      case 'params':
        if (value !== undefined)
          this.#emit({ kind: 'medium', params: guestText(value), ...device });
    }
  }

  async #lookAtClock(uuid: VmUuid): Promise<void> {
    const text = await this.#find(vmPath(uuid, 'rtc', 'timeoffset'));
    if (text === undefined || !/^-?\d{1,12}$/.test(text)) return;
    this.#emit({ kind: 'rtc', uuid, offsetSeconds: Number(text) });
  }

  async #lookAtNode(domid: Domid, node: string): Promise<void> {
    if (node === AGENT_NODE) {
      if ((await this.#find(domainPath(domid, node))) !== undefined)
        this.#emit({ kind: 'guest-agent', domid });
      return;
    }
    const isWanted = (this.#options.extraNodes ?? []).some(
      (extra) => extra === node || (extra.endsWith('/') && `${node}/`.startsWith(extra)),
    );
    if (!isWanted) return;
    const value = await this.#find(domainPath(domid, node));
    this.#emit({ kind: 'extra', domid, node, value: value?.slice(0, VALUE_MAX) });
  }

  #find(path: string): Promise<string | undefined> {
    return this.#host.store.find(path);
  }

  /** Runs it after everything that was begun for the same domain. */
  #enqueue(chain: number, work: () => Awaitable<void>): void {
    const before = this.#chains.get(chain) ?? Promise.resolve();
    const after = before
      .then(() => (this.#isClosed ? undefined : work()))
      .catch((error: unknown) => this.#fail(error));
    this.#chains.set(chain, after);
    void after.then(() => {
      if (this.#chains.get(chain) === after) this.#chains.delete(chain);
    });
  }

  #emit(event: HostEvent): void {
    if (this.#unread.length >= UNREAD_MAX) this.#unread = [{ kind: 'resync' }];
    this.#unread.push(event);
    this.#wake();
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#failure ??= { error };
    this.#wake();
  }
}
