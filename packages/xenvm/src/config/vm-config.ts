/**
 * What a VM is, as its file says it. Every field has a row in the table of keys, which names it in the file and gives
 * its default; the compiler holds the two together.
 */
import type { CpuidLeaf, TscMode } from '@xenops/core/hypervisor';
import type { VmUuid } from '@xenops/core/ids';
import type { DiskSpec } from './values/disk-line.ts';
import type { NicSpec } from './values/nic-line.ts';
import type { PciSpec } from './values/pci-line.ts';
import type {
  Display,
  NotifyTarget,
  NumberRange,
  Pair,
  Startup,
  VcpuCpus,
} from './values/small.ts';

/** What follows when a guest ends by itself. */
export const END_ACTIONS = ['restart', 'destroy', 'preserve'] as const;
export type EndAction = (typeof END_ACTIONS)[number];

/** Who it is, and what the monitor does about it. */
export interface MonitorConfig {
  readonly uuid: VmUuid | undefined;
  readonly name: string | undefined;
  readonly debug: boolean;
  readonly outputPath: string | undefined;
  readonly skipMemoryCheck: boolean;
  readonly startup: Startup;
  readonly notify: NotifyTarget | undefined;
  readonly onHalt: EndAction;
  readonly onRestart: EndAction;
  readonly onCrash: EndAction;
  readonly onWatchdog: EndAction;
  readonly onSoftReset: EndAction;
  readonly restartMinLifeSeconds: number;
  readonly restartLimit: number;
  readonly localWatches: readonly string[];
  readonly vmWatches: readonly string[];
  readonly acknowledgeTimeoutSeconds: number;
  readonly shutdownTimeoutSeconds: number;
  readonly suspendTimeoutSeconds: number;
}

/** Its processor, memory and platform. */
export interface HardwareConfig {
  readonly guestType: 'pv' | 'pvh' | 'hvm' | undefined;
  readonly hvm: boolean;
  readonly hap: boolean;
  readonly kernelPath: string;
  readonly cmdline: string;
  readonly ramdiskPath: string | undefined;
  readonly modulePaths: readonly string[];
  readonly firmwarePath: string | undefined;
  readonly acpiFirmwarePath: string | undefined;
  readonly smbiosFirmwarePath: string | undefined;
  readonly memoryKib: number | undefined;
  readonly memoryMaxKib: number | undefined;
  readonly videoRamKib: number | undefined;
  readonly mmioHoleKib: number | undefined;
  readonly shadowMultiplier: number;
  readonly vcpus: number;
  readonly onlineVcpus: number | undefined;
  readonly coresPerSocket: number | undefined;
  readonly affinity: readonly VcpuCpus[];
  readonly softAffinity: readonly VcpuCpus[];
  readonly schedulerWeight: number | undefined;
  readonly schedulerCapPercent: number | undefined;
  readonly cpuid: readonly CpuidLeaf[];
  readonly xciCpuidSignature: boolean;
  readonly pae: boolean;
  readonly apic: boolean;
  readonly acpi: boolean;
  readonly nx: boolean;
  readonly viridian: boolean;
  readonly nested: boolean;
  readonly smbiosPassThrough: boolean;
  readonly acpiPassThrough: boolean;
  readonly smbiosOemTypes: readonly number[];
  readonly timerMode: number | undefined;
  readonly hpet: number | undefined;
  readonly vptAlign: number | undefined;
  readonly tscMode: TscMode | undefined;
  readonly timeOffsetSeconds: number;
  readonly platform: readonly Pair[];
  readonly xenstoreData: readonly Pair[];
  readonly flaskLabel: string | undefined;
  readonly disableMigrate: boolean;
}

/** The device model of an HVM guest. */
export interface ModelConfig {
  readonly bootOrder: string;
  readonly serial: string;
  readonly display: Display;
  readonly vncPassword: string | undefined;
  readonly videoCard: 'cirrus' | 'std' | 'none' | undefined;
  readonly usbTablet: boolean;
  readonly sound: string | undefined;
  readonly extraHvm: readonly Pair[];
  readonly modelArguments: readonly string[];
  readonly cdromPassThrough: string | undefined;
  readonly powerManagement: number;
  readonly oemFeatures: number;
  readonly injectSci: number;
  readonly qemuPath: string;
  readonly qemuTimeoutSeconds: number;
  readonly isModelConfined: boolean;
  readonly stubdom: VmUuid | undefined;
  readonly stubdomMemoryKib: number;
  readonly stubdomKernelPath: string;
  readonly stubdomRamdiskPath: string;
  readonly stubdomCmdline: string;
}

/** Its devices. */
export interface DevicesConfig {
  readonly disks: readonly DiskSpec[];
  readonly nics: readonly NicSpec[];
  readonly pci: readonly PciSpec[];
  readonly passthrough: boolean;
  readonly pciMsitranslate: number;
  readonly pciPowerManagement: number;
  readonly ioPorts: readonly NumberRange[];
  readonly mmio: readonly NumberRange[];
  readonly diskInfoPassThrough: boolean;
  readonly vkbd: boolean;
  readonly vfb: boolean;
  readonly vsnd: boolean;
  readonly v4v: boolean;
  readonly vtpmInstance: number | undefined;
  readonly vtpmBackend: number;
  readonly usb: boolean;
  readonly qemuPv: boolean;
  readonly pciScript: string;
  readonly xciService: string;
  readonly extraMaxMemoryKib: number;
}

export interface VmConfig extends MonitorConfig, HardwareConfig, ModelConfig, DevicesConfig {}
export type ConfigField = keyof VmConfig;
