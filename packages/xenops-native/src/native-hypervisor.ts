/**
 * The hypervisor through the addon. Verbs that take microseconds answer at once; creating, building and destroying run on
 * threads of the addon. An instance is one connection, to be disposed of by whoever opened it.
 */
import { AbortedError, HypervisorError, type ErrorContext } from '@xenops/core/errors';
import {
  bytesFromVmUuid,
  domid as parseDomid,
  evtchn,
  type Domid,
  type Evtchn,
  type VmUuid,
} from '@xenops/core/ids';
import {
  physCapabilities,
  shutdownCode,
  type BuildResult,
  type DomainCreateSpec,
  type DomainInfo,
  type Hypervisor,
  type LongCallOptions,
  type PcpuInfo,
  type PhysInfo,
  type PvBuildSpec,
  type ShutdownReason,
  type XenVersion,
} from '@xenops/core/hypervisor';
import { kibFromPages } from '@xenops/core/units';
import type { Addon, AddonOperation, XcInterface } from './addon.ts';
import { assertGuest, createArguments, pvArguments } from './addon-arguments.ts';
import { DomainTable } from './domain-list-codec.ts';
import { errorFromAddon } from './errno.ts';
import type { OpenedXen } from './load-addon.ts';

/** What is being done, for messages ("pause domain 7") and for their context. */
interface Deed {
  readonly what: string;
  readonly context: ErrorContext;
}

export class NativeHypervisor implements Hypervisor {
  readonly #addon: Addon;
  readonly #version: XenVersion;
  /** Operations on threads, so that disposal can wait for them. */
  readonly #running = new Set<Promise<unknown>>();
  #xc: XcInterface | undefined;

  /** Takes over the connection. */
  constructor({ addon, xc, version }: OpenedXen) {
    this.#addon = addon;
    this.#xc = xc;
    this.#version = version;
  }

  version(): XenVersion {
    // It cannot change under us: asked once, on opening.
    return this.#call(onHost('read the version of Xen'), () => this.#version);
  }

  physInfo(): PhysInfo {
    return this.#call(onHost('read what the host has'), (xc) => {
      const { capabilities, totalPages, freePages, scrubPages, outstandingPages, ...cpus } =
        this.#addon.physInfo(xc);
      return {
        ...cpus,
        totalMemoryKib: kibFromPages(totalPages),
        freeMemoryKib: kibFromPages(freePages),
        scrubMemoryKib: kibFromPages(scrubPages),
        outstandingMemoryKib: kibFromPages(outstandingPages),
        capabilities: physCapabilities(capabilities),
      };
    });
  }

  pcpuInfo(): readonly PcpuInfo[] {
    return this.#call(onHost('read the idle times of the cpus'), (xc) =>
      Array.from(this.#addon.pcpuIdleNs(xc), (idleNs, cpu) => ({ cpu, idleNs })),
    );
  }

  consoleRing(): string {
    return this.#call(onHost("read Xen's console"), (xc) =>
      new TextDecoder().decode(this.#addon.consoleRing(xc)),
    );
  }

  listDomains(): readonly DomainInfo[] {
    return [...this.domainTable()];
  }

  /** The same list undecoded, for those who look at a few domains of many. */
  domainTable(): DomainTable {
    return this.#call(
      onHost('list the domains'),
      (xc) => new DomainTable(this.#addon.listDomains(xc)),
    );
  }

  findDomain(domid: Domid): DomainInfo | undefined {
    const found = this.#call(onDomain('look up', domid), (xc) => this.#addon.findDomain(xc, domid));
    return [...new DomainTable(found)][0];
  }

  async createDomain(spec: DomainCreateSpec): Promise<Domid> {
    const { uuid, guestType, maxVcpus, domid } = spec;
    const context = { uuid, guestType, maxVcpus, ...(domid === undefined ? {} : { domid }) };
    const created = await this.#run({ what: `create a ${guestType} domain`, context }, (xc) =>
      this.#addon.startCreateDomain(xc, createArguments(spec)),
    );
    return parseDomid(created);
  }

  setHandle(domid: Domid, uuid: VmUuid): void {
    this.#call(onDomain('set the uuid of', domid), (xc) => {
      this.#addon.setHandle(xc, domid, bytesFromVmUuid(uuid));
    });
  }

  setMaxMemory(domid: Domid, maxMemoryKib: number): void {
    this.#call(onDomain('limit the memory of', domid, { maxMemoryKib }), (xc) => {
      this.#addon.setMaxMemory(xc, domid, maxMemoryKib);
    });
  }

  allocUnboundEvtchn(domid: Domid, remote: Domid): Evtchn {
    return this.#call(onDomain('allocate an event channel in', domid, { remote }), (xc) =>
      evtchn(this.#addon.allocUnboundEvtchn(xc, domid, remote)),
    );
  }

  async buildDomain(
    domid: Domid,
    spec: PvBuildSpec,
    options: LongCallOptions = {},
  ): Promise<BuildResult> {
    const { kernelPath, ramdiskPath, memoryKib } = spec;
    const details = {
      kernelPath,
      memoryKib,
      ...(ramdiskPath === undefined ? {} : { ramdiskPath }),
    };
    return this.#run(
      onGuest('build', domid, details),
      (xc, onStage) => this.#addon.startBuildPv(xc, domid, pvArguments(domid, spec), onStage),
      options,
    );
  }

  pause(domid: Domid): void {
    this.#call(onGuest('pause', domid), (xc) => {
      this.#addon.pauseDomain(xc, domid);
    });
  }

  unpause(domid: Domid): void {
    this.#call(onGuest('unpause', domid), (xc) => {
      this.#addon.unpauseDomain(xc, domid);
    });
  }

  shutdown(domid: Domid, reason: ShutdownReason): void {
    this.#call(onGuest('shut down', domid, { reason }), (xc) => {
      this.#addon.shutdownDomain(xc, domid, shutdownCode(reason));
    });
  }

  async destroy(domid: Domid, options: LongCallOptions = {}): Promise<void> {
    await this.#run(
      onGuest('destroy', domid),
      (xc) => this.#addon.startDestroyDomain(xc, domid),
      options,
    );
  }

  /** Waits for what is under way, then closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    const xc = this.#xc;
    this.#xc = undefined;
    await Promise.allSettled(this.#running);
    if (xc !== undefined) this.#addon.closeInterface(xc);
  }

  #call<T>({ what, context }: Deed, call: (xc: XcInterface) => T): T {
    const xc = this.#open(what);
    try {
      return call(xc);
    } catch (error) {
      throw errorFromAddon(error, what, context);
    }
  }

  async #run<T>(
    { what, context }: Deed,
    start: (xc: XcInterface, onStage: ((stage: string) => void) | undefined) => AddonOperation<T>,
    { signal, onProgress }: LongCallOptions = {},
  ): Promise<T> {
    const xc = this.#open(what);
    if (signal?.aborted === true) throw calledOff(what, context, signal);
    let listenerError: { readonly error: unknown } | undefined;
    const onStage = (stage: string): void => {
      try {
        onProgress?.({ stage });
      } catch (error) {
        // Whoever watches has failed: stop, and say why.
        listenerError ??= { error };
        operation.abort();
      }
    };
    const operation = this.#call({ what, context }, () =>
      start(xc, onProgress === undefined ? undefined : onStage),
    );
    this.#running.add(operation.done);
    signal?.addEventListener('abort', operation.abort, { once: true });
    try {
      const result = await operation.done;
      if (listenerError !== undefined) throw listenerError.error;
      return result;
    } catch (error) {
      if (listenerError !== undefined) throw listenerError.error;
      const told = errorFromAddon(error, what, context);
      throw told instanceof AbortedError && signal !== undefined
        ? calledOff(what, told.context, signal)
        : told;
    } finally {
      signal?.removeEventListener('abort', operation.abort);
      this.#running.delete(operation.done);
    }
  }

  #open(what: string): XcInterface {
    if (this.#xc !== undefined) return this.#xc;
    throw new HypervisorError('HYPERVISOR_UNAVAILABLE', {
      message: `Cannot ${what}: this connection to the hypervisor has been closed`,
    });
  }
}

function calledOff(what: string, context: ErrorContext, signal: AbortSignal): AbortedError {
  return new AbortedError({ message: `Called off: ${what}`, context, cause: signal.reason });
}

function onHost(what: string): Deed {
  return { what, context: {} };
}

function onDomain(verb: string, domid: Domid, context: ErrorContext = {}): Deed {
  return { what: `${verb} domain ${domid}`, context: { domid, ...context } };
}

/** Throws HYPERVISOR_BAD_ARGUMENT for Dom0. */
function onGuest(verb: string, domid: Domid, context?: ErrorContext): Deed {
  const deed = onDomain(verb, domid, context);
  assertGuest(domid, deed.what);
  return deed;
}
