/**
 * A whole Xen host in this process: hypervisor, xenstored, Dom0's nodes, consoles and guests. What a real host offers is
 * in `hypervisor` and `store`; everything that only a simulated host can do is in `control`.
 */
import { XenStoreError } from '@xenops/core/errors';
import { type Clock, systemClock } from '@xenops/core/host';
import type { Hypervisor } from '@xenops/core/hypervisor';
import { type Connector, WireClient, type XenStore } from '@xenops/core/xenstore';
import { ConsoleBook } from './console/console-book.ts';
import { ConsoleDaemon } from './console/console-daemon.ts';
import type { Guest } from './guests/guest.ts';
import { GuestRunner } from './guests/guest-runner.ts';
import { linuxGuest } from './guests/linux-guest.ts';
import { HypervisorModel } from './hypervisor/hypervisor-model.ts';
import { SimHypervisor } from './hypervisor/sim-hypervisor.ts';
import type { DomainPresence } from './xenstored/domains.ts';
import { GuestRing, inProcessConnector } from './xenstored/in-process.ts';
import { Xenstored } from './xenstored/xenstored.ts';

export interface SimHostOptions {
  /** Memory of the machine; 8 GiB unless said. */
  readonly memoryKib?: number | undefined;
  /** Physical cpus; 4 unless said. */
  readonly cpuCount?: number | undefined;
  /** Memory of Dom0; 1 GiB, or half of a smaller machine, unless said. */
  readonly dom0MemoryKib?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Where consoles are written; nowhere unless said. */
  readonly consoleFolder?: string | undefined;
  /** What plays the guests; `linuxGuest` unless said. */
  readonly guest?: Guest | undefined;
  /** Takes reports of what went wrong inside the model. */
  readonly log?: ((text: string) => void) | undefined;
}

/** What only a simulated host can do. */
export interface SimControl {
  readonly clock: Clock;
  readonly xenstored: Xenstored;
  /** A further connection to the hypervisor, as another process has. */
  openHypervisor(): Hypervisor;
  /** A further privileged connection to xenstored. */
  openStore(): WireClient;
  /** The xenstore of an introduced domain as its guest sees it; takes it over from the scripted guest. */
  openGuestStore(domid: number): WireClient;
  /** What a guest has printed on its console. */
  consoleText(domid: number): string;
}

export interface SimHost extends AsyncDisposable {
  readonly hypervisor: Hypervisor;
  readonly store: XenStore;
  readonly control: SimControl;
}

const DEFAULT_MEMORY_KIB = 8_388_608;
const DEFAULT_DOM0_MEMORY_KIB = 1_048_576;
const DEFAULT_CPU_COUNT = 4;

/** Starts a host. */
export async function createSimHost(options: SimHostOptions = {}): Promise<SimHost> {
  const { memoryKib = DEFAULT_MEMORY_KIB, cpuCount = DEFAULT_CPU_COUNT } = options;
  const { clock = systemClock, log = () => undefined, guest = linuxGuest } = options;
  const dom0MemoryKib = options.dom0MemoryKib ?? Math.min(DEFAULT_DOM0_MEMORY_KIB, memoryKib / 2);
  const model = new HypervisorModel({ clock, memoryKib, cpuCount, dom0MemoryKib });
  const rings = new Map<number, GuestRing>();
  const book = new ConsoleBook(options.consoleFolder);
  const xenstored: Xenstored = new Xenstored({
    presence: (domid) => presenceOf(model, domid),
    openGuestSink: (domid) => {
      const ring = new GuestRing(xenstored, domid);
      rings.set(domid, ring);
      // The domain's record gets its connection when this returns.
      queueMicrotask(() => {
        consoles.serve(domid);
        runner.introduced(domid);
      });
      return ring.session;
    },
    log,
  });
  const openWith = (connector: Connector): WireClient => new WireClient(connector, { clock });
  const openStore = (): WireClient => openWith(inProcessConnector(xenstored));
  const openGuestStore = (domid: number): WireClient =>
    openWith((handlers) => findRing(rings, domid)(handlers));
  const store = openStore();
  const consoles = new ConsoleDaemon({ store, book, log });
  const print = (domid: number, text: string): void => book.append(domid, text);
  const runner = new GuestRunner({ model, clock, guest, print, openStore: openGuestStore, log });
  const following = model.listen({
    domainException: () => xenstored.domainsChanged(),
    runnableChanged: () => undefined,
    removed: ({ domid }) => {
      rings.delete(domid);
      consoles.forget(domid);
    },
  });
  await writeDom0Nodes(store);
  const hypervisor = new SimHypervisor(model);
  return {
    hypervisor,
    store,
    control: {
      clock,
      xenstored,
      openHypervisor: () => new SimHypervisor(model),
      openStore,
      openGuestStore,
      consoleText: (domid) => book.text(domid),
    },
    async [Symbol.asyncDispose]() {
      await runner[Symbol.asyncDispose]();
      await consoles[Symbol.asyncDispose]();
      following[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
      await hypervisor[Symbol.asyncDispose]();
    },
  };
}

function findRing(rings: ReadonlyMap<number, GuestRing>, domid: number): Connector {
  return (
    rings.get(domid)?.connector ??
    (() =>
      Promise.reject(
        new XenStoreError('XENSTORE_UNAVAILABLE', {
          message: `Domain ${domid} has not been introduced to xenstored`,
          context: { domid },
        }),
      ))
  );
}

function presenceOf(model: HypervisorModel, domid: number): DomainPresence {
  const domain = model.find(domid);
  if (domain === undefined) return 'absent';
  if (domain.isDying) return 'dying';
  return domain.shutdownReason === undefined ? 'alive' : 'shutdown';
}

/** What xen-init-dom0 and the daemons write on a real host. */
async function writeDom0Nodes(store: XenStore): Promise<void> {
  await store.write('/tool/xenstored/domid', '0');
  await store.write('/local/domain/0/domid', '0');
  await store.write('/local/domain/0/name', 'Domain-0');
}
