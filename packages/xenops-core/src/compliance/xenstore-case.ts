/** What a case of the xenstore suite is, and what it works with. */
import assert from 'node:assert/strict';
import type { Connector } from '../xenstore/client/transport.ts';
import type { XenStore } from '../xenstore/xenstore.ts';
import { StoreClient } from './xenstore-client.ts';
import type { StoreTraits } from './xenstore-traits.ts';

/** What the hypervisor says of a domain. */
export type StoreDomainState = 'alive' | 'shutdown' | 'dying' | 'absent';

/** A fresh xenstored, and a hypervisor whose domains come and go as the suite says. */
export interface StoreHost extends AsyncDisposable {
  /** Opens a privileged connection. */
  readonly dom0: Connector;
  /** Opens the guest's end of an introduced domain's connection, which has one user at a time. */
  guest(domid: number): Connector;
  /** Opens the implementation of `XenStore` that is tested with this xenstored. */
  openStore(): Promise<XenStore>;
  /** Changes what the hypervisor says of a domain and tells xenstored to look again. */
  setDomain(domid: number, state: StoreDomainState): Promise<void>;
}

/** What a case works with; connections are closed after it. */
export class StoreBench {
  readonly traits: StoreTraits;
  readonly host: StoreHost;
  /** A privileged client. */
  readonly dom0: StoreClient;
  readonly #opened: StoreClient[] = [];

  static async open(host: StoreHost, traits: StoreTraits): Promise<StoreBench> {
    return new StoreBench(host, traits, await StoreClient.open(host.dom0));
  }

  private constructor(host: StoreHost, traits: StoreTraits, dom0: StoreClient) {
    this.host = host;
    this.traits = traits;
    this.dom0 = dom0;
    this.#opened.push(dom0);
  }

  /** A further privileged client. */
  async connect(): Promise<StoreClient> {
    return this.#keep(await StoreClient.open(this.host.dom0));
  }

  /** A domain that is introduced and has a home of its own, as its guest sees xenstore. */
  async guest(domid: number): Promise<StoreClient> {
    await this.host.setDomain(domid, 'alive');
    await answers(this.dom0.introduce(domid), 'OK');
    await answers(this.dom0.mkdir(home(domid)), 'OK');
    await answers(this.dom0.chmod(home(domid), `n${domid}`), 'OK');
    return this.connectGuest(domid);
  }

  /** The guest's end of an introduced domain. */
  async connectGuest(domid: number): Promise<StoreClient> {
    return this.#keep(await StoreClient.open(this.host.guest(domid)));
  }

  /** Changes the state of an introduced domain, and comes back when xenstored has raised `@releaseDomain` for it. */
  async change(domid: number, state: StoreDomainState): Promise<void> {
    const watcher = await this.connect();
    await answers(watcher.watch('@releaseDomain', 'change'), 'OK');
    assert.equal(await watcher.nextEvent(), '@releaseDomain change');
    await this.host.setDomain(domid, state);
    assert.equal(await watcher.nextEvent(), '@releaseDomain change');
    watcher[Symbol.dispose]();
  }

  /** The domain is gone from the hypervisor, and xenstored knows. */
  kill(domid: number): Promise<void> {
    return this.change(domid, 'absent');
  }

  /** Has a domain introduced and released. */
  async comeAndGo(domid: number): Promise<void> {
    await this.host.setDomain(domid, 'alive');
    await answers(this.dom0.introduce(domid), 'OK');
    await answers(this.dom0.release(domid), 'OK');
  }

  close(): void {
    for (const client of this.#opened) client[Symbol.dispose]();
  }

  #keep(client: StoreClient): StoreClient {
    this.#opened.push(client);
    return client;
  }
}

/** One thing that holds for every xenstored, unless its traits say otherwise. */
export interface StoreCase {
  readonly name: string;
  readonly run: (bench: StoreBench) => Promise<void>;
}

/** A case by its name and what it does. */
export function storeCase(name: string, run: StoreCase['run']): StoreCase {
  return { name, run };
}

/** The root of a domain's own nodes. */
export function home(domid: number): string {
  return `/local/domain/${domid}`;
}

/** Asserts an answer. */
export async function answers(answer: Promise<string>, expected: string): Promise<void> {
  assert.equal(await answer, expected);
}

/** Asserts the events that a client has got, in their order. */
export async function sees(client: StoreClient, ...events: string[]): Promise<void> {
  assert.deepEqual(await client.takeEvents(), events);
}

/** A further privileged client with a watch whose first event is taken already. */
export async function watching(bench: StoreBench, path: string): Promise<StoreClient> {
  const watcher = await bench.connect();
  await answers(watcher.watch(path), 'OK');
  await sees(watcher, `${path} t`);
  return watcher;
}
