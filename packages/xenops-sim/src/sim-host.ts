/**
 * A whole Xen host in this process: hypervisor, xenstored, Dom0's nodes, consoles, back-ends and guests. What a real host
 * offers is in `hypervisor` and `store`; everything that only a simulated host can do is in `control`.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { XenStoreError } from '@xenops/core/errors';
import { type Clock, type HostServices, systemClock } from '@xenops/core/host';
import type { HotplugServices } from '@xenops/core/hotplug';
import type { Hypervisor } from '@xenops/core/hypervisor';
import { type Connector, WireClient, type XenStore } from '@xenops/core/xenstore';
import { BackendHost } from './backends/backend-host.ts';
import { ConsoleBook } from './console/console-book.ts';
import { ConsoleDaemon } from './console/console-daemon.ts';
import {
  checkDescription,
  readDescription,
  type HostDescription,
} from './description/host-description.ts';
import { FaultPlan, type FaultOptions } from './faults/fault-plan.ts';
import type { Guest } from './guests/guest.ts';
import { GuestRunner } from './guests/guest-runner.ts';
import { linuxGuest } from './guests/linux-guest.ts';
import { createModel } from './hypervisor/hypervisor-model.ts';
import { openHandle, type SimHypervisor } from './hypervisor/sim-hypervisor.ts';
import type { XenState } from './hypervisor/xen-state.ts';
import { openForAppend } from './xenstored/append-file.ts';
import type { DomainPresence } from './xenstored/domains.ts';
import { simHostServices, type StartProgram } from './services/sim-host-services.ts';
import { simHotplug, type SimScript } from './services/sim-hotplug.ts';
import { SimMachine } from './services/sim-machine.ts';
import { startStandIn, type StandInOptions } from './device-model/device-model-stand-in.ts';
import { GuestRing, inProcessConnector } from './xenstored/in-process.ts';
import { Xenstored } from './xenstored/xenstored.ts';

export interface SimHostOptions extends HostDescription {
  /** The machine, from a JSON file or as an object; what stands beside it here goes before it. */
  readonly description?: string | HostDescription | undefined;
  readonly clock?: Clock | undefined;
  /** Where consoles are written; nowhere unless said. */
  readonly consoleFolder?: string | undefined;
  /** What plays the guests that name nobody; `linuxGuest` unless said. */
  readonly guest?: Guest | undefined;
  /** What plays a guest with the word `sim.guest=NAME` on its command line. */
  readonly guests?: Readonly<Record<string, Guest>> | undefined;
  /** Hotplug scripts by path; others do not exist. */
  readonly scripts?: Readonly<Record<string, SimScript>> | undefined;
  /** Programs by path, besides QEMU, which every path with `qemu` in its name stands for. */
  readonly programs?: Readonly<Record<string, StartProgram>> | undefined;
  /** How device models misbehave. */
  readonly deviceModelFailure?: StandInOptions['failure'];
  /** Folder of the sockets of device models; unless said, one below the temporary folder that goes with the host. */
  readonly runFolder?: string | undefined;
  /** What fails from the start; `control.faults` changes it later. */
  readonly faults?: FaultOptions | undefined;
  /** Takes reports of what went wrong inside the model. */
  readonly log?: ((text: string) => void) | undefined;
}

/** What only a simulated host can do. */
export interface SimControl {
  readonly clock: Clock;
  readonly xenstored: Xenstored;
  /** Files, loop devices, links and processes of Dom0. */
  readonly machine: SimMachine;
  /**
   * Faults of the host: of `hypervisor`, `store`, and the connections opened here but for guests and back-ends; of `services` and `hotplug`.
   */
  readonly faults: FaultPlan;
  /** A further connection to the hypervisor, as another process has. */
  openHypervisor(): SimHypervisor;
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
  readonly services: HostServices;
  readonly hotplug: HotplugServices;
  readonly control: SimControl;
}

/** Starts a host. Rejects with CONFIG_BAD_VALUE when the description makes no sense. */
export async function createSimHost(options: SimHostOptions = {}): Promise<SimHost> {
  const { clock = systemClock, log = () => undefined, guest = linuxGuest, guests = {} } = options;
  const description = await describe(options);
  const { xen, verbs } = createModel(clock, description);
  const faults = new FaultPlan(clock);
  const rings = new Map<number, GuestRing>();
  const book = new ConsoleBook(options.consoleFolder);
  const xenstored: Xenstored = new Xenstored({
    presence: (domid) => presenceOf(xen, domid),
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
    clock,
    openForAppend,
    log,
  });
  const openWith = (connector: Connector): WireClient => new WireClient(connector, { clock });
  const openOwnStore = (): WireClient => openWith(inProcessConnector(xenstored));
  const openStore = (): WireClient => openWith(faults.wrap(inProcessConnector(xenstored)));
  const openGuestStore = (domid: number): WireClient =>
    openWith((handlers) => findRing(rings, domid)(handlers));
  const openHypervisor = (): SimHypervisor =>
    openHandle(verbs, { before: (verb) => faults.beforeCall(verb) });
  const ownStore = openOwnStore();
  const consoles = new ConsoleDaemon({ store: ownStore, book, log });
  const print = (domid: number, text: string): void => book.append(domid, text);
  const runner = new GuestRunner({
    xen,
    clock,
    guest,
    guests,
    print,
    openStore: openGuestStore,
    log,
  });
  const following = xen.listen({
    domainException: () => xenstored.domainsChanged(),
    removed: ({ domid }) => {
      rings.delete(domid);
      consoles.forget(domid);
    },
  });
  await writeDom0Nodes(ownStore);
  const { backends: tempers = {} } = description;
  const machine = new SimMachine();
  const backends = new BackendHost({
    store: ownStore,
    clock,
    tempers,
    log,
    onPresence: ({ kind, domid, devid }, isPresent) => {
      if (kind === 'vif') machine.setLink(`vif${domid}.${devid}`, isPresent);
    },
  });
  const { programs = {}, scripts = {}, deviceModelFailure: failure } = options;
  const startModel: StartProgram = (spec, logLine) =>
    startStandIn(spec, {
      store: ownStore,
      failure,
      onTap: (link, isPresent) => machine.setLink(link, isPresent),
      log: logLine,
    });
  const ownFolder = path.join(tmpdir(), `xensim-${process.pid}-${randomUUID()}`);
  const services = simHostServices({
    machine,
    clock,
    runFolder: options.runFolder ?? ownFolder,
    findProgram: (file) =>
      programs[file] ?? (path.basename(file).includes('qemu') ? startModel : undefined),
  });
  const hypervisor = openHypervisor();
  const store = openStore();
  faults.arm(options.faults);
  return {
    hypervisor,
    store,
    services: faults.wrapServices(services),
    hotplug: faults.wrapHotplug(simHotplug(machine, scripts)),
    control: {
      clock,
      xenstored,
      machine,
      faults,
      openHypervisor,
      openStore,
      openGuestStore,
      consoleText: (domid) => book.text(domid),
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await hypervisor[Symbol.asyncDispose]();
      for (const { signal } of [...machine.processes.values()]) signal('SIGKILL');
      await runner[Symbol.asyncDispose]();
      await backends[Symbol.asyncDispose]();
      await consoles[Symbol.asyncDispose]();
      following[Symbol.dispose]();
      await ownStore[Symbol.asyncDispose]();
      xen[Symbol.dispose]();
      await rm(ownFolder, { recursive: true, force: true });
    },
  };
}

/** The description, with what the caller says besides it. */
async function describe(options: SimHostOptions): Promise<HostDescription> {
  const { description = {}, ...rest } = options;
  const told = typeof description === 'string' ? await readDescription(description) : description;
  const own = Object.entries(rest).filter(
    ([key, value]) => isDescribed(key) && value !== undefined,
  );
  return checkDescription({ ...told, ...Object.fromEntries(own) });
}

const HOST_ONLY: ReadonlySet<string> = new Set([
  'clock',
  'consoleFolder',
  'guest',
  'guests',
  'faults',
  'scripts',
  'programs',
  'deviceModelFailure',
  'runFolder',
  'log',
]);
const isDescribed = (key: string): boolean => !HOST_ONLY.has(key);

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

function presenceOf(xen: XenState, domid: number): DomainPresence {
  const domain = xen.domains.get(domid);
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
