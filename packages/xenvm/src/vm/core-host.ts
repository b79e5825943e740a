/** The port to a host, over `@xenops/core`: real and embedded hosts alike. */
import { open, rm } from 'node:fs/promises';
import {
  attachDevice,
  describeDevices,
  describeVbd,
  describeVif,
  detachDevice,
  attachDevices,
} from '@xenops/core/devices';
import type { VbdConfig, VifConfig } from '@xenops/core/devices';
import {
  adoptDeviceModel,
  assertNotConfined,
  deviceModelConfig,
  needsDeviceModel,
  findStubDomain,
  startDomainDeviceModel,
  startStubDomain,
  type DeviceModel,
} from '@xenops/core/dm';
import {
  buildDomain,
  createDomain,
  destroyDomain,
  getDomain,
  listDeviceAddresses,
  restoreDomain,
  resumeSaved,
  saveDomainFile,
  updateXlFile,
  waitForShutdown,
  type BuildConfig,
  type DomainEnd,
} from '@xenops/core/domain';
import { moveVif } from '@xenops/core/netman';
import { setMemoryTarget } from '@xenops/core/balloon';
import { ConfigError, hasCode } from '@xenops/core/errors';
import { type Clock, type Host } from '@xenops/core/host';
import type { DomainInfo, PhysCapability, Trigger } from '@xenops/core/hypervisor';
import type { Domid, VmUuid } from '@xenops/core/ids';
import type { DiskSpec, PciAddressSpec, PciSpec } from '../config/index.ts';
import { DISK_PLACES, DiskKeeper, runTool, type DiskPlaces, type RunTool } from '../disks/index.ts';
import { VmError } from '../life/vm-error.ts';
import type { DomainSpec } from './domain-spec.ts';
import { followNode } from './follow-node.ts';
import { changeDrive } from './host-media.ts';
import { givePci, takePci } from './host-pci.ts';
import { describePeripherals, isServedByModel } from './host-peripherals.ts';
import { grantHardware, placeVcpus, setPlatform } from './host-platform.ts';
import { ACPI_ASLEEP, ACPI_AWAKE, requestPower, setVcpus, wake } from './host-power.ts';
import { askToGoDown } from './host-shutdown.ts';
import { removeDrafts } from './image-drafts.ts';
import type { FoundDomain, HostCall, NodeListener, VmHost } from './vm-host.ts';

/** Random, and another one at each boot of Linux. */
const BOOT_ID_PATH = '/proc/sys/kernel/random/boot_id';

/** What tests bring along. */
export interface CoreHostOptions {
  readonly run?: RunTool;
  readonly places?: DiskPlaces;
}

/** See the module comment. */
export class CoreHost implements VmHost, AsyncDisposable {
  readonly #host: Host;
  /** Connections to running device models. */
  readonly #models = new Map<Domid, Promise<DeviceModel | undefined>>();
  /** State that a restored device model is started with. */
  readonly #modelStates = new Map<Domid, string>();
  readonly #disks: DiskKeeper;

  constructor(host: Host, { run = runTool, places = DISK_PLACES }: CoreHostOptions = {}) {
    const { clock, stateFolder, runFolder } = host.services;
    this.#host = host;
    this.#disks = new DiskKeeper({
      run,
      clock,
      places: {
        ...places,
        ...(stateFolder === undefined ? {} : { stateFolder }),
        ...(runFolder === undefined ? {} : { keyFolder: `${runFolder}/keys` }),
      },
      bootId: async () => (await host.services.readText(BOOT_ID_PATH))?.trim() ?? '',
    });
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

  async createDomain({ domain, flaskLabel, canHavePci, limits }: DomainSpec): Promise<Domid> {
    const { uuid, name, build } = domain;
    const ssidref = flaskLabel === undefined ? undefined : await this.#sidOf(flaskLabel);
    return createDomain(this.#host, {
      uuid,
      name,
      guestType: build.kind,
      maxVcpus: build.vcpus,
      ssidref,
      passthrough: canHavePci,
      limits,
    });
  }

  async buildDomain(
    domid: Domid,
    spec: DomainSpec,
    { signal, onProgress }: HostCall,
  ): Promise<void> {
    await buildDomain(this.#host, domid, spec.domain.build, { signal, onProgress });
    await setPlatform(this.#host, domid, spec);
    await placeVcpus(this.#host, domid, spec);
    await grantHardware(this.#host, domid, spec);
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
        assertFits(imagePath, config.build, spec.domain.build);
        return config;
      },
    });
    if (statePath !== undefined) this.#modelStates.set(domid, statePath);
    await setPlatform(this.#host, domid, spec);
    await grantHardware(this.#host, domid, spec);
  }

  async attachDevices(domid: Domid, spec: DomainSpec, { signal }: HostCall): Promise<void> {
    const all = [...describeDevices(domid, spec.domain), ...describePeripherals(domid, spec)];
    await attachDevices(this.#host, all, { signal });
    await updateXlFile(this.#host, domid);
  }

  prepareDisks(
    uuid: VmUuid,
    disks: readonly DiskSpec[],
    { isRestored }: { readonly isRestored: boolean },
    { signal, timeoutMs }: HostCall,
  ): Promise<readonly DiskSpec[]> {
    return this.#disks.prepare(uuid, disks, { isRestored, signal, timeoutMs });
  }

  async markDisksRunning(uuid: VmUuid, { signal, timeoutMs }: HostCall): Promise<void> {
    await this.#disks.markRunning(uuid, { signal, timeoutMs });
  }

  async releaseDisks(
    uuid: VmUuid,
    fate: { readonly isKept: boolean; readonly vdev?: string },
    { signal, timeoutMs }: HostCall,
  ): Promise<void> {
    await this.#disks.release(uuid, { ...fate, signal, timeoutMs });
  }

  async startDeviceModel(
    domid: Domid,
    spec: DomainSpec,
    { signal, timeoutMs }: HostCall,
  ): Promise<void> {
    const { domain, model, stub } = spec;
    const statePath = this.#modelStates.get(domid);
    if (stub !== undefined) {
      if (statePath !== undefined) {
        throw new VmError('VM_NOT_SUPPORTED', {
          message:
            'An image cannot be restored with a device model in a stub domain, which starts anew',
          context: { what: 'restoring with a stub domain' },
        });
      }
      await startStubDomain(this.#host, domid, stub, { signal, timeoutMs });
    } else if (needsDeviceModel(domain) || isServedByModel(spec)) {
      const config = deviceModelConfig(domid, domain, { ...model, statePath });
      const started = await startDomainDeviceModel(this.#host, config, {
        ...{ signal, timeoutMs },
        isHeld: true,
      });
      this.#models.set(domid, Promise.resolve(started));
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

  async requestShutdown(domid: Domid, request: 'halt' | 'reboot', call: HostCall): Promise<void> {
    await askToGoDown(this.#host, domid, request, {
      ...call,
      // A guest that sleeps hears nothing.
      wakeUp: () => this.wake(domid),
    });
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
      if (!hasCode(error, 'DOMAIN_NOT_FOUND', 'HYPERVISOR_NO_DOMAIN')) throw error;
    } finally {
      await this.#forget(domid);
    }
  }

  async removeDrafts(imagePath: string): Promise<void> {
    await removeDrafts(imagePath);
  }

  async removeFile(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  async attachDisk(domid: Domid, spec: DomainSpec, disk: VbdConfig, call: HostCall): Promise<void> {
    const { domain } = spec;
    const { signal } = call;
    const described = describeVbd({ domid, guestType: domain.build.kind }, disk);
    if (described.backend === 'device-model' && disk.isCdrom !== true) {
      await assertNotConfined(this.#host, domid, `a disk that it would serve, as ${disk.vdev} is`);
    }
    const isServed =
      described.backend !== 'device-model' || (await this.#model(domid)) !== undefined;
    await attachDevice(this.#host, described, { signal });
    // The first disk of a guest that only a device model can serve.
    if (!isServed) await this.startDeviceModel(domid, spec, call);
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

  async moveNic(
    domid: Domid,
    { devid, network }: VifConfig,
    { signal, timeoutMs }: HostCall,
  ): Promise<void> {
    await moveVif(this.#host, { domid, devid }, network, { signal, timeoutMs });
    await updateXlFile(this.#host, domid);
  }

  async attachPci(domid: Domid, devices: readonly PciSpec[], call: HostCall): Promise<void> {
    await assertNotConfined(this.#host, domid, 'a PCI device');
    await givePci(this.#host, domid, devices, call);
  }

  async detachPci(
    domid: Domid,
    device: { readonly address: PciAddressSpec; readonly isForced: boolean },
    call: HostCall,
  ): Promise<void> {
    await takePci(this.#host, domid, device, call);
  }

  async changeMedium(
    domid: Domid,
    { domain }: DomainSpec,
    change: { readonly drive: VbdConfig; readonly isForced: boolean },
    call: HostCall,
  ): Promise<void> {
    const guestType = domain.build.kind;
    await changeDrive(this.#host, domid, { ...change, guestType }, call);
  }

  async setMemoryTarget(domid: Domid, targetKib: number): Promise<void> {
    await setMemoryTarget(this.#host, domid, targetKib);
  }

  async setOnlineVcpus(domid: Domid, count: number): Promise<void> {
    const isHvm = (await getDomain(this.#host, domid)).guestType === 'hvm';
    await setVcpus(this.#host, domid, count, isHvm ? await this.#model(domid) : undefined);
  }

  async sendTrigger(domid: Domid, trigger: Trigger): Promise<void> {
    await this.#host.hypervisor.sendTrigger(domid, trigger);
  }

  async requestPower(domid: Domid, request: 'sleep' | 'hibernate', call: HostCall): Promise<void> {
    await requestPower(this.#host, domid, request, { ...call, model: await this.#model(domid) });
  }

  async wake(domid: Domid): Promise<void> {
    await wake(this.#host, domid, await this.#model(domid));
  }

  followNode(path: string, listener: NodeListener): Promise<AsyncDisposable> {
    return followNode({ store: this.#host.store, clock: this.clock }, path, listener);
  }

  async followPower(domid: Domid, tell: (acpiState: number) => void): Promise<AsyncDisposable> {
    const model = await this.#model(domid);
    const listening = model?.qmp.onEvent(({ name }) => {
      if (name === 'SUSPEND') tell(ACPI_ASLEEP);
      if (name === 'WAKEUP') tell(ACPI_AWAKE);
    });
    return { [Symbol.asyncDispose]: async () => listening?.[Symbol.dispose]() };
  }

  async acpiState(domid: Domid): Promise<number> {
    if ((await getDomain(this.#host, domid)).guestType !== 'hvm') return 0;
    return Number(await this.#host.hypervisor.hvmParam(domid, 'acpi-s-state'));
  }

  stubDomid(domid: Domid): Promise<Domid | undefined> {
    return findStubDomain(this.#host, domid);
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

  async #model(domid: Domid): Promise<DeviceModel | undefined> {
    const known = this.#models.get(domid);
    if (known !== undefined) return known;
    // Kept at once: the monitor greets one client, and a second of ours would wait for the first.
    const adopting = adoptDeviceModel(this.#host, domid, { isHeld: true });
    this.#models.set(domid, adopting);
    const model = await adopting.catch((error: unknown) => {
      this.#models.delete(domid);
      throw error;
    });
    if (model === undefined) this.#models.delete(domid);
    return model;
  }

  /** Leaves device models to whoever comes next; they run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    const models = [...this.#models.values()];
    this.#models.clear();
    await Promise.all(models.map(hangUp));
  }

  async #forget(domid: Domid): Promise<void> {
    const model = this.#models.get(domid);
    const statePath = this.#modelStates.get(domid);
    this.#models.delete(domid);
    this.#modelStates.delete(domid);
    await hangUp(model);
    if (statePath !== undefined) await this.removeFile(statePath);
  }
}

/** Whoever wrote the image gets no more of the host by it than the configuration gives. */
function assertFits(imagePath: string, image: BuildConfig, own: BuildConfig): void {
  const memoryOf = ({ memoryKib, maxMemoryKib = memoryKib }: BuildConfig): number => maxMemoryKib;
  const refuse = (has: string, limit: string): never => {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The image ${imagePath} has ${has} and cannot be restored as a VM of ${limit}`,
      context: { imagePath },
    });
  };
  if (image.kind !== own.kind) refuse(`a ${image.kind} guest`, `type ${own.kind}`);
  if (image.vcpus > own.vcpus) refuse(`${image.vcpus} vcpus`, `${own.vcpus}`);
  if (memoryOf(image) > memoryOf(own)) {
    refuse(`${memoryOf(image)} KiB of memory`, `${memoryOf(own)} KiB`);
  }
}

async function hangUp(connecting: Promise<DeviceModel | undefined> | undefined): Promise<void> {
  const model = await connecting?.catch(() => undefined);
  await model?.[Symbol.asyncDispose]();
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
