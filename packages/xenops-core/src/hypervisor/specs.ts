import type { Domid, Evtchn, VmUuid } from '../ids.ts';
import type { TscMode } from './control.ts';
import type { GuestType } from './domain-info.ts';
import type { CpuPolicySpec } from './vcpu-control.ts';

/** What a domain is created with (`xen_domctl_createdomain`); left-out fields take the values libxl uses. */
export interface DomainCreateSpec {
  readonly uuid: VmUuid;
  readonly guestType: GuestType;
  /** Fixed for the life of the domain. 1 to 512 (hypervisor limit by guest type). */
  readonly maxVcpus: number;
  /** Ask for this domid; Xen chooses otherwise. */
  readonly domid?: Domid;
  /** FLASK security identifier; 0 lets Xen use its initial sid for guests. */
  readonly ssidref?: number;
  /** Highest event channel port the guest may use; 1023 unless said. */
  readonly maxEvtchnPort?: number;
  /** Grant table frames; the hypervisor's own limit unless said. */
  readonly maxGrantFrames?: number;
  readonly maxMaptrackFrames?: number;
  /** Highest grant table version, 1 or 2; 2 unless said. */
  readonly maxGrantVersion?: 1 | 2;
  /** Hardware assisted paging for `pvh` and `hvm`; on unless said. */
  readonly hap?: boolean;
  /** Allow devices to be passed through. */
  readonly iommu?: boolean;
  readonly nestedVirt?: boolean;
  readonly vpmu?: boolean;
  readonly cpupoolId?: number;
}

/**
 * What every guest is built from. The domain exists, has its vcpus, its memory limit (which leaves a MiB for rings and tables) and, in a hardware
 * container, its paging pool; it holds no memory.
 */
interface BuildSpecBase {
  /** Memory the guest starts with; whole MiB, what the builder allocates in. */
  readonly memoryKib: number;
  /**
   * Memory the guest can grow to; `memoryKib` unless said. A PV guest is shown a memory map of that size; a hardware container is populated on
   * demand up to it.
   */
  readonly maxMemoryKib?: number;
  /** Ports in the guest, allocated before, and the domains that serve the two rings. */
  readonly storeEvtchn: Evtchn;
  readonly storeDomid: Domid;
  readonly consoleEvtchn: Evtchn;
  readonly consoleDomid: Domid;
  /** `default` unless said: emulated only where the host's counter cannot be trusted. */
  readonly tscMode?: TscMode;
  readonly timeOffsetSeconds?: number;
  /** The host's default policy unless said; a policy applied before does not stay. */
  readonly cpuPolicy?: CpuPolicySpec;
}

/** A file given to the guest at boot, beside the kernel. */
export interface BootModule {
  readonly path: string;
  readonly cmdline?: string;
}

export interface PvBuildSpec extends BuildSpecBase {
  readonly kind: 'pv';
  /** Absolute path of an ELF kernel with Xen's notes, or of a bzImage that contains one. */
  readonly kernelPath: string;
  readonly ramdiskPath?: string;
  readonly cmdline: string;
}

export interface PvhBuildSpec extends BuildSpecBase {
  readonly kind: 'pvh';
  /** Absolute path of an ELF kernel with Xen's PVH entry note, or of a bzImage that contains one. */
  readonly kernelPath: string;
  readonly ramdiskPath?: string;
  readonly cmdline: string;
  /** After the ramdisk, in order. libxenguest takes two files, the ramdisk included. */
  readonly modules?: readonly BootModule[];
  /** Vcpus that are online at boot; all unless said. */
  readonly onlineVcpus?: number;
}

export interface HvmBuildSpec extends BuildSpecBase {
  readonly kind: 'hvm';
  /** Absolute path of hvmloader. */
  readonly loaderPath: string;
  /** Absolute path of SeaBIOS (or OVMF); where qemu or Xen's package put it. */
  readonly firmwarePath: string;
  /** Extra ACPI and SMBIOS tables for hvmloader (xl's `acpi_firmware`, `smbios_firmware`). */
  readonly acpiModulePath?: string;
  readonly smbiosModulePath?: string;
  /** Video memory, which the device model populates and the builder leaves out of `memoryKib`. */
  readonly videoMemoryKib: number;
  /** Size of the hole for PCI devices below 4 GiB; Xen's own default unless said. */
  readonly mmioHoleKib?: number;
  /** Vcpus that are online at boot; all unless said. */
  readonly onlineVcpus?: number;
  /** The high precision event timer; on unless said. */
  readonly hpet?: boolean;
  /** Hyper-V interfaces: the value of Xen's mask `HVMPV_*`. */
  readonly viridianFeatures?: bigint;
}

export type BuildSpec = PvBuildSpec | PvhBuildSpec | HvmBuildSpec;

/** Where the builder put what others must be told. */
export interface BuildResult {
  /** Frame for INTRODUCE and `store/ring-ref`: a machine frame for `pv`, a guest frame for `pvh` and `hvm`. */
  readonly storeFrame: bigint;
  readonly consoleFrame: bigint;
  /** HVM: where the extra tables lie, which hvmloader reads from xenstore (`hvmloader/acpi/address`, `.../length`, `hvmloader/smbios/address`, ...). */
  readonly acpiModule?: GuestBytes;
  readonly smbiosModule?: GuestBytes;
}

/** Bytes in the guest's physical memory. */
export interface GuestBytes {
  readonly addressBytes: bigint;
  readonly sizeBytes: number;
}

/** A step of a long operation, for progress display. `total` is absent where nobody knows. */
export interface Progress {
  readonly stage: string;
  readonly done?: number;
  readonly total?: number;
}

/** Options of an operation that may take longer than a moment. */
export interface LongCallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}
