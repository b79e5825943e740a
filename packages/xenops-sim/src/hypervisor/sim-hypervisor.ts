/** The model as callers know it: a handle that answers until it is disposed. Disposing does not end the model. */
import { HypervisorError } from '@xenops/core/errors';
import type {
  BuildResult,
  DomainCreateSpec,
  DomainInfo,
  Hypervisor,
  LongCallOptions,
  PcpuInfo,
  PhysInfo,
  PvBuildSpec,
  ShutdownReason,
  XenVersion,
} from '@xenops/core/hypervisor';
import type { Domid, Evtchn, VmUuid } from '@xenops/core/ids';
import type { HypervisorModel } from './hypervisor-model.ts';

/** The release whose behaviour is modelled; `extra` and `changeset` say that it is a model. */
export const SIMULATED_VERSION: XenVersion = {
  major: 4,
  minor: 17,
  extra: '.7-simulated',
  changeset: 'simulated',
  compileDate: 'Thu Jan  1 00:00:00 UTC 1970',
  compiler: 'none (a model)',
  capabilities: 'xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64',
  commandLine: 'placeholder simulated',
  pageSizeBytes: 4096,
};

export class SimHypervisor implements Hypervisor {
  readonly #model: HypervisorModel;
  #isOpen = true;

  constructor(model: HypervisorModel) {
    this.#model = model;
  }

  version(): XenVersion {
    this.#open();
    return SIMULATED_VERSION;
  }

  physInfo(): PhysInfo {
    return this.#open().physInfo();
  }

  pcpuInfo(): readonly PcpuInfo[] {
    return this.#open().pcpuInfo();
  }

  consoleRing(): string {
    return this.#open().consoleText;
  }

  listDomains(): readonly DomainInfo[] {
    return this.#open().listDomains();
  }

  findDomain(domid: Domid): DomainInfo | undefined {
    return this.#open().findDomain(domid);
  }

  createDomain(spec: DomainCreateSpec): Domid {
    return this.#open().createDomain(spec);
  }

  setHandle(domid: Domid, uuid: VmUuid): void {
    this.#open().setHandle(domid, uuid);
  }

  setMaxMemory(domid: Domid, maxMemoryKib: number): void {
    this.#open().setMaxMemory(domid, maxMemoryKib);
  }

  allocUnboundEvtchn(domid: Domid, remote: Domid): Evtchn {
    return this.#open().allocUnboundEvtchn(domid, remote);
  }

  async buildDomain(
    domid: Domid,
    spec: PvBuildSpec,
    options?: LongCallOptions,
  ): Promise<BuildResult> {
    return this.#open().buildDomain(domid, spec, options);
  }

  pause(domid: Domid): void {
    this.#open().pause(domid);
  }

  unpause(domid: Domid): void {
    this.#open().unpause(domid);
  }

  shutdown(domid: Domid, reason: ShutdownReason): void {
    this.#open().shutdown(domid, reason);
  }

  async destroy(domid: Domid, options?: LongCallOptions): Promise<void> {
    await this.#open().destroy(domid, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
  }

  #open(): HypervisorModel {
    if (this.#isOpen) return this.#model;
    throw new HypervisorError('HYPERVISOR_UNAVAILABLE', {
      message: 'This connection to the hypervisor has been closed',
    });
  }
}
