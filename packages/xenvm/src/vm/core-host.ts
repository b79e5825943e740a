/** The port to a host, over `@xenops/core`: real and embedded hosts alike. */
import { open, rm } from 'node:fs/promises';
import {
  attachDevice,
  describeDevices,
  describeVbd,
  describeVif,
  detachDevice,
  diskNumber,
  parseDiskName,
  attachDevices,
} from '@xenops/core/devices';
import type { VbdConfig, VifConfig } from '@xenops/core/devices';
import {
  adoptDeviceModel,
  deviceModelConfig,
  needsDeviceModel,
  startDomainDeviceModel,
  type DeviceModel,
} from '@xenops/core/dm';
import {
  buildDomain,
  createDomain,
  destroyDomain,
  getDomain,
  listDeviceAddresses,
  requestShutdown,
  restoreDomain,
  resumeSaved,
  saveDomainFile,
  setOnlineVcpus,
  updateXlFile,
  waitForShutdown,
  type DomainEnd,
} from '@xenops/core/domain';
import { setMemoryTarget } from '@xenops/core/balloon';
import { ConfigError, hasCode } from '@xenops/core/errors';
import { type Clock, type Host } from '@xenops/core/host';
import type { DomainInfo, PhysCapability, Trigger } from '@xenops/core/hypervisor';
import type { Domid, VmUuid } from '@xenops/core/ids';
import { VmError } from '../life/vm-error.ts';
import type { DomainSpec } from './domain-spec.ts';
import type { FoundDomain, HostCall, VmHost } from './vm-host.ts';

/** Bits of a page address. */
const PAGE_BITS = 12n;

/** See the module comment. */
export class CoreHost implements VmHost {
  readonly #host: Host;
  /** Connections to running device models. */
  readonly #models = new Map<Domid, DeviceModel>();
  /** State that a restored device model is started with. */
  readonly #modelStates = new Map<Domid, string>();

  constructor(host: Host) {
    this.#host = host;
  }

  get clock(): Clock {
    return this.#host.services.clock;
  }

  async findDomain(uuid: VmUuid, domid?: Domid): Promise<FoundDomain | undefined> {
    const { hypervisor } = this.#host;
    const candidates =
      domid === undefined ? await hypervisor.listDomains() : [await hypervisor.findDomain(domid)];
    const info = candidates.find((candidate) => candidate?.uuid === uuid && !candidate.dying);
    return info === undefined ? undefined : foundDomain(info);
  }

  async freeMemoryKib(): Promise<number> {
    const { freeMemoryKib, scrubMemoryKib, outstandingMemoryKib } =
      await this.#host.hypervisor.physInfo();
    return freeMemoryKib + scrubMemoryKib - outstandingMemoryKib;
  }

  async capabilities(): Promise<readonly PhysCapability[]> {
    return (await this.#host.hypervisor.physInfo()).capabilities;
  }

  async createDomain({ domain, flaskLabel }: DomainSpec): Promise<Domid> {
    const { uuid, name, build } = domain;
    const ssidref = flaskLabel === undefined ? undefined : await this.#sidOf(flaskLabel);
    return createDomain(this.#host, {
      uuid,
      name,
      guestType: build.kind,
      maxVcpus: build.vcpus,
      ssidref,
    });
  }

  async buildDomain(
    domid: Domid,
    spec: DomainSpec,
    { signal, onProgress }: HostCall,
  ): Promise<void> {
    await buildDomain(this.#host, domid, spec.domain.build, { signal, onProgress });
    await this.#placeVcpus(domid, spec);
    await this.#grantHardware(domid, spec);
  }

  async restoreDomain(
    domid: Domid,
    spec: DomainSpec,
    imagePath: string,
    { signal, onProgress }: HostCall,
  ): Promise<void> {
    await using image = await open(imagePath, 'r');
    const { statePath } = await restoreDomain(this.#host, image.fd, {
      into: domid,
      signal,
      onProgress,
      check(config) {
        if (config.build.kind === spec.domain.build.kind) return config;
        throw new ConfigError('CONFIG_BAD_VALUE', {
          message: `The image ${imagePath} has a ${config.build.kind} guest and cannot be restored as ${spec.domain.build.kind}`,
          context: { imagePath },
        });
      },
    });
    if (statePath !== undefined) this.#modelStates.set(domid, statePath);
    await this.#grantHardware(domid, spec);
  }

  async attachDevices(domid: Domid, { domain }: DomainSpec, { signal }: HostCall): Promise<void> {
    await attachDevices(this.#host, describeDevices(domid, domain), { signal });
    await updateXlFile(this.#host, domid);
  }

  async startDeviceModel(
    domid: Domid,
    { domain, model }: DomainSpec,
    { signal, timeoutMs }: HostCall,
  ): Promise<void> {
    const statePath = this.#modelStates.get(domid);
    if (needsDeviceModel(domain)) {
      const config = deviceModelConfig(domid, domain, { ...model, statePath });
      const started = await startDomainDeviceModel(this.#host, config, { signal, timeoutMs });
      this.#models.set(domid, started);
      if (model.vnc?.password !== undefined)
        await started.setVncPassword(model.vnc.password, { signal });
    }
    if (statePath === undefined) return;
    this.#modelStates.delete(domid);
    await this.removeFile(statePath);
  }

  async pause(domid: Domid): Promise<void> {
    if (!(await getDomain(this.#host, domid)).paused) await this.#host.hypervisor.pause(domid);
  }

  async unpause(domid: Domid): Promise<void> {
    if ((await getDomain(this.#host, domid)).paused) await this.#host.hypervisor.unpause(domid);
  }

  async requestShutdown(
    domid: Domid,
    request: 'halt' | 'reboot',
    { signal, timeoutMs }: HostCall,
  ): Promise<void> {
    const { guestType, shutdown } = await getDomain(this.#host, domid);
    // It went down by itself, which is as good.
    if (shutdown) return;
    if (guestType === 'hvm' && !(await this.#hasPvDrivers(domid))) {
      await this.#pressPower(domid, request);
      return;
    }
    try {
      const word = request === 'halt' ? 'poweroff' : 'reboot';
      await requestShutdown(this.#host, domid, word, { signal, timeoutMs, clock: this.clock });
    } catch (cause) {
      if (!hasCode(cause, 'TIMEOUT')) throw cause;
      throw new VmError('VM_NOT_LISTENING', {
        message: `The guest did not react to the ${request} request within ${timeoutMs / 1000} s`,
        context: { request, domid },
        cause,
      });
    }
  }

  async waitForEnd(domid: Domid, { signal, timeoutMs }: HostCall): Promise<DomainEnd> {
    return waitForShutdown(this.#host, domid, { signal, timeoutMs, clock: this.clock });
  }

  async saveDomain(
    domid: Domid,
    imagePath: string,
    options: {
      readonly isLive: boolean;
      readonly isKept: boolean;
      readonly suspendTimeoutMs: number;
    },
    { signal, onProgress }: HostCall,
  ): Promise<void> {
    const { isLive, isKept, suspendTimeoutMs } = options;
    const deviceModel = await this.#model(domid);
    await saveDomainFile(this.#host, domid, imagePath, {
      ...{ signal, onProgress, deviceModel, suspendTimeoutMs },
      live: isLive,
      keep: isKept,
    });
    if (!isKept) await this.#forget(domid);
  }

  async resume(domid: Domid): Promise<void> {
    await resumeSaved(this.#host, domid, await this.#model(domid));
  }

  async destroyDomain(domid: Domid, { signal, timeoutMs }: HostCall): Promise<void> {
    try {
      await destroyDomain(this.#host, domid, { signal, timeoutMs, clock: this.clock });
    } catch (error) {
      if (!hasCode(error, 'DOMAIN_NOT_FOUND')) throw error;
    } finally {
      await this.#forget(domid);
    }
  }

  async removeFile(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  async attachDisk(
    domid: Domid,
    { domain }: DomainSpec,
    disk: VbdConfig,
    { signal }: HostCall,
  ): Promise<void> {
    const guest = { domid, guestType: domain.build.kind };
    await attachDevice(this.#host, describeVbd(guest, disk), { signal });
    await updateXlFile(this.#host, domid);
  }

  async attachNic(domid: Domid, nic: VifConfig, { signal }: HostCall): Promise<void> {
    await attachDevice(this.#host, describeVif(domid, nic), { signal });
    await updateXlFile(this.#host, domid);
  }

  async detachDevice(
    domid: Domid,
    {
      kind,
      devid,
      isForced,
    }: { readonly kind: 'vbd' | 'vif'; readonly devid: number; readonly isForced: boolean },
    { signal, timeoutMs }: HostCall,
  ): Promise<void> {
    const kinds = kind === 'vif' ? ['vif', 'vwif'] : [kind];
    const addresses = await listDeviceAddresses(this.#host.store, domid);
    const address = addresses.find((each) => kinds.includes(each.kind) && each.devid === devid);
    if (address === undefined) {
      throw new VmError('VM_NO_DEVICE', {
        message: `The guest has no ${kind} ${devid}`,
        context: { kind, devid },
      });
    }
    await detachDevice(this.#host, address, {
      mode: isForced ? 'force' : 'clean',
      signal,
      timeoutMs,
    });
    await updateXlFile(this.#host, domid);
  }

  async changeMedium(
    domid: Domid,
    { domain }: DomainSpec,
    disk: VbdConfig,
    { signal }: HostCall,
  ): Promise<void> {
    const model = domain.build.kind === 'hvm' ? await this.#model(domid) : undefined;
    if (model === undefined) {
      throw new VmError('VM_NOT_SUPPORTED', {
        message: 'Media can be changed in the emulated CD drives of HVM guests',
        context: { what: 'changing media without a device model' },
      });
    }
    const devid = diskNumber(parseDiskName(disk.vdev));
    if (disk.target === '') await model.eject(devid, { signal });
    else await model.insert(devid, { path: disk.target, format: disk.format ?? 'raw' }, { signal });
  }

  async setMemoryTarget(domid: Domid, targetKib: number): Promise<void> {
    await setMemoryTarget(this.#host, domid, targetKib);
  }

  async setOnlineVcpus(domid: Domid, count: number): Promise<void> {
    await setOnlineVcpus(this.#host, domid, count);
  }

  async sendTrigger(domid: Domid, trigger: Trigger): Promise<void> {
    await this.#host.hypervisor.sendTrigger(domid, trigger);
  }

  async acpiState(domid: Domid): Promise<number> {
    if ((await getDomain(this.#host, domid)).guestType !== 'hvm') return 0;
    return Number(await this.#host.hypervisor.hvmParam(domid, 'acpi-s-state'));
  }

  async vncPort(domid: Domid): Promise<number | undefined> {
    return (await (await this.#model(domid))?.vnc())?.port;
  }

  async #sidOf(label: string): Promise<number> {
    try {
      return await this.#host.hypervisor.flaskSid(label);
    } catch (cause) {
      throw new VmError('VM_NOT_SUPPORTED', {
        message: `Xen does not know the security label ${label}; the VM is not started without it`,
        context: { what: 'security labels', label },
        cause,
      });
    }
  }

  async #placeVcpus(domid: Domid, { affinity, softAffinity }: DomainSpec): Promise<void> {
    const hypervisor = this.#host.hypervisor;
    for (const { vcpu, cpus } of affinity)
      await hypervisor.setVcpuAffinity(domid, vcpu, { hard: cpus });
    for (const { vcpu, cpus } of softAffinity)
      await hypervisor.setVcpuAffinity(domid, vcpu, { soft: cpus });
  }

  /** Both ends of each range; Xen takes it all back with the domain. */
  async #grantHardware(domid: Domid, { ioPorts, mmio }: DomainSpec): Promise<void> {
    const hypervisor = this.#host.hypervisor;
    for (const { first, last } of ioPorts) {
      await hypervisor.setIoportPermission(
        domid,
        { firstPort: first, count: last - first + 1 },
        true,
      );
    }
    for (const { first, last } of mmio) {
      const firstFrame = BigInt(first) >> PAGE_BITS;
      const count = Number((BigInt(last) >> PAGE_BITS) - firstFrame) + 1;
      await hypervisor.setIomemPermission(domid, { firstFrame, count }, true);
    }
  }

  async #hasPvDrivers(domid: Domid): Promise<boolean> {
    return (await this.#host.hypervisor.hvmParam(domid, 'callback-irq')) !== 0n;
  }

  async #pressPower(domid: Domid, request: 'halt' | 'reboot'): Promise<void> {
    if (request === 'halt') {
      await this.#host.hypervisor.sendTrigger(domid, 'power');
      return;
    }
    throw new VmError('VM_NOT_SUPPORTED', {
      message:
        'The guest has no drivers that could reboot it on request; it can be rebooted by force',
      context: { what: 'reboot without drivers' },
    });
  }

  async #model(domid: Domid): Promise<DeviceModel | undefined> {
    const known = this.#models.get(domid) ?? (await adoptDeviceModel(this.#host, domid));
    if (known !== undefined) this.#models.set(domid, known);
    return known;
  }

  async #forget(domid: Domid): Promise<void> {
    const model = this.#models.get(domid);
    const statePath = this.#modelStates.get(domid);
    this.#models.delete(domid);
    this.#modelStates.delete(domid);
    await model?.[Symbol.asyncDispose]();
    if (statePath !== undefined) await this.removeFile(statePath);
  }
}

function foundDomain({
  domid,
  paused,
  shutdown,
  shutdownReason,
  memoryKib,
  onlineVcpuCount,
}: DomainInfo): FoundDomain {
  return {
    domid,
    isPaused: paused,
    memoryKib,
    onlineVcpus: onlineVcpuCount,
    ...(shutdown && shutdownReason !== undefined ? { end: shutdownReason } : {}),
  };
}
