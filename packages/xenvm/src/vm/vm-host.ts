/**
 * What a VM needs of its host: the port between the plans and `@xenops/core`, so that operations can be tested with a host that does as it is
 * told.
 *
 * To implementers: a verb that fails leaves nothing half made; it ends soon after its signal fires. What is not there any more is no error for
 * verbs that take away.
 */
import type { DomainEnd } from '@xenops/core/domain';
import type { Clock } from '@xenops/core/host';
import type { PhysCapability, Progress, Trigger } from '@xenops/core/hypervisor';
import type { Domid, VmUuid } from '@xenops/core/ids';
import type { VbdConfig, VifConfig } from '@xenops/core/devices';
import type { DiskSpec, PciAddressSpec, PciSpec } from '../config/index.ts';
import type { DomainSpec } from './domain-spec.ts';

/** Comes with every verb that may take longer than a moment. */
export interface HostCall {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** The domain of a VM as Xen has it now. */
export interface FoundDomain {
  readonly domid: Domid;
  readonly isPaused: boolean;
  /** How it ended, when it has. */
  readonly end?: DomainEnd;
  readonly memoryKib: number;
  readonly onlineVcpus: number;
}

/** Who follows a node of xenstore. */
export interface NodeListener {
  readonly tell: (value: string | undefined) => void;
  /** It is not followed any more. */
  readonly fail: (error: unknown) => void;
}

export interface VmHost {
  readonly clock: Clock;
  /** The domain with this uuid, not counting one that is dying; looked for at this domid alone when one is given. */
  findDomain(uuid: VmUuid, domid?: Domid): Promise<FoundDomain | undefined>;
  freeMemoryKib(): Promise<number>;
  capabilities(): Promise<readonly PhysCapability[]>;

  /** An empty domain. */
  createDomain(spec: DomainSpec, call: HostCall): Promise<Domid>;
  /** Its memory and kernel, its vcpus' places, its ports. */
  buildDomain(domid: Domid, spec: DomainSpec, call: HostCall): Promise<void>;
  /** The same from an image. Rejects with CONFIG_BAD_VALUE when it is of another type than the VM. */
  restoreDomain(domid: Domid, spec: DomainSpec, imagePath: string, call: HostCall): Promise<void>;
  /** All its disks and interfaces. */
  attachDevices(domid: Domid, spec: DomainSpec, call: HostCall): Promise<void>;
  /**
   * Makes disks with snapshots or encryption ready, before the guest has them, and gives them as it gets them. Rejects with DEVICE_FAILED when a
   * restored guest's disk is not what it was.
   */
  prepareDisks(
    uuid: VmUuid,
    disks: readonly DiskSpec[],
    options: { readonly isRestored: boolean },
    call: HostCall,
  ): Promise<readonly DiskSpec[]>;
  /** The guest has run: changes that were kept for it are of this boot now. */
  markDisksRunning(uuid: VmUuid, call: HostCall): Promise<void>;
  /** Gives back what is held for them, when the domain is gone; its changes are kept for an image or a hibernated guest. */
  releaseDisks(
    uuid: VmUuid,
    /** `vdev`: of this disk alone, which the guest does not have any more. */
    fate: { readonly isKept: boolean; readonly vdev?: string },
    call: HostCall,
  ): Promise<void>;
  /** The device model, when it needs one. */
  startDeviceModel(domid: Domid, spec: DomainSpec, call: HostCall): Promise<void>;
  pause(domid: Domid): Promise<void>;
  unpause(domid: Domid): Promise<void>;
  /** Asks the guest, and waits for its answer. Rejects with VM_NOT_LISTENING, VM_NOT_SUPPORTED. */
  requestShutdown(domid: Domid, request: 'halt' | 'reboot', call: HostCall): Promise<void>;
  waitForEnd(domid: Domid, call: HostCall): Promise<DomainEnd>;
  /** Writes an image; the domain is gone afterwards, or runs on when it is kept. */
  saveDomain(
    domid: Domid,
    imagePath: string,
    options: {
      readonly isLive: boolean;
      readonly isKept: boolean;
      readonly suspendTimeoutMs: number;
    },
    call: HostCall,
  ): Promise<void>;
  /** Lets a guest run on that was suspended for an image that nobody needs. */
  resume(domid: Domid): Promise<void>;
  /** Takes the domain away with all that belongs to it. */
  destroyDomain(domid: Domid, call: HostCall): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** What a monitor that was killed has written of an image. */
  removeDrafts(imagePath: string): Promise<void>;

  attachDisk(domid: Domid, spec: DomainSpec, disk: VbdConfig, call: HostCall): Promise<void>;
  attachNic(domid: Domid, nic: VifConfig, call: HostCall): Promise<void>;
  /** Takes the device away; asks the guest unless forced. Rejects with VM_NO_DEVICE. */
  detachDevice(
    domid: Domid,
    device: { readonly kind: 'vbd' | 'vif'; readonly devid: number; readonly isForced: boolean },
    call: HostCall,
  ): Promise<void>;
  /** Moves an interface that Dom0 serves to the network it has here, without the guest noticing. It is on its old one when that fails. */
  moveNic(domid: Domid, after: VifConfig, call: HostCall): Promise<void>;
  /** PCI devices, all or none; taken from their drivers first where that is said. */
  attachPci(domid: Domid, devices: readonly PciSpec[], call: HostCall): Promise<void>;
  detachPci(
    domid: Domid,
    device: { readonly address: PciAddressSpec; readonly isForced: boolean },
    call: HostCall,
  ): Promise<void>;
  /** Another medium for a CD drive; an empty target: none. `isForced`: also when the guest has locked it in. */
  changeMedium(
    domid: Domid,
    spec: DomainSpec,
    change: { readonly drive: VbdConfig; readonly isForced: boolean },
    call: HostCall,
  ): Promise<void>;
  setMemoryTarget(domid: Domid, targetKib: number): Promise<void>;
  setOnlineVcpus(domid: Domid, count: number): Promise<void>;
  sendTrigger(domid: Domid, trigger: Trigger): Promise<void>;
  /** Has the guest sleep or hibernate, and waits until it does. Rejects with VM_NOT_SUPPORTED or TIMEOUT. */
  requestPower(domid: Domid, request: 'sleep' | 'hibernate', call: HostCall): Promise<void>;
  /** Wakes a guest that sleeps. */
  wake(domid: Domid): Promise<void>;
  /** Tells the value of a node now and whenever it changes; undefined: it is not there. */
  followNode(path: string, listener: NodeListener): Promise<AsyncDisposable>;
  /** Tells the ACPI state of an HVM guest when its device model says that it fell asleep (3) or woke (0). */
  followPower(domid: Domid, tell: (acpiState: number) => void): Promise<AsyncDisposable>;
  /** 0 to 5: the ACPI sleep state of an HVM guest; 0 for others. */
  acpiState(domid: Domid): Promise<number>;
  /** The domain that its device model runs in; undefined when that is Dom0, or none. */
  stubDomid(domid: Domid): Promise<Domid | undefined>;
  /** The port of its screen, when it has one. */
  vncPort(domid: Domid): Promise<number | undefined>;
}
