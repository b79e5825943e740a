/** What a guest is to be, by type. */
import { ConfigError, DomainError } from '../errors.ts';
import type {
  BootModule,
  CpuPolicySpec,
  DomainInfo,
  TscMode,
  VcpuAffinity,
} from '../hypervisor/hypervisor.ts';
import { breakDownMemory, type MemoryBreakdown } from '../memory/breakdown.ts';
import type { HostTables } from './host-tables.ts';

/** Most vcpus, by guest type (`MAX_VIRT_CPUS`, `HVM_MAX_VCPUS`; xen/include/asm-x86). */
const VCPUS_MAX = { pv: 8192, pvh: 128, hvm: 128 } as const;

interface BuildConfigBase {
  /** What the guest starts with, video memory included; rounded up to whole MiB. */
  readonly memoryKib: number;
  /** What it can balloon up to; `memoryKib` unless said. */
  readonly maxMemoryKib?: number | undefined;
  readonly vcpus: number;
  /** How many of them are online at the start; all unless said. */
  readonly onlineVcpus?: number | undefined;
  readonly tscMode?: TscMode | undefined;
  readonly timeOffsetSeconds?: number | undefined;
  readonly cpuPolicy?: CpuPolicySpec | undefined;
  /** For every vcpu. */
  readonly affinity?: Partial<VcpuAffinity> | undefined;
  readonly schedulerShare?: { readonly weight?: number; readonly capPercent?: number } | undefined;
  /** Below `platform/`, for firmware and drivers. */
  readonly platform?: Readonly<Record<string, string>> | undefined;
  /** Below the domain's root, read-only for the guest: names start with `vm-data/`, or are of the kind that OpenXT sets. */
  readonly xenstoreData?: Readonly<Record<string, string>> | undefined;
}

/** A kernel that is started directly. Paths are absolute, as the host sees them. */
export interface DirectKernel {
  readonly kernelPath: string;
  readonly ramdiskPath?: string | undefined;
  readonly cmdline: string;
}

export interface PvConfig extends BuildConfigBase, DirectKernel {
  readonly kind: 'pv';
}

export interface PvhConfig extends BuildConfigBase, DirectKernel {
  readonly kind: 'pvh';
  readonly modules?: readonly BootModule[] | undefined;
  /** Scales the memory for page tables; 1 unless said. */
  readonly poolMultiplier?: number | undefined;
}

export interface HvmConfig extends BuildConfigBase {
  readonly kind: 'hvm';
  /** hvmloader of this release of Xen unless said. */
  readonly loaderPath?: string | undefined;
  /** SeaBIOS unless said. */
  readonly firmwarePath?: string | undefined;
  /** A kernel that the device model hands to the firmware, in place of a boot disk. */
  readonly directKernel?: DirectKernel | undefined;
  readonly acpiModulePath?: string | undefined;
  readonly smbiosModulePath?: string | undefined;
  /** In place of such files. */
  readonly hostTables?: HostTables | undefined;
  /** 8 MiB unless said: the size of qemu's Cirrus card. */
  readonly videoMemoryKib?: number | undefined;
  readonly mmioHoleKib?: number | undefined;
  readonly hpet?: boolean | undefined;
  readonly viridianFeatures?: bigint | undefined;
  /** The guest may run a hypervisor of its own; it cannot be saved then. */
  readonly nestedVirt?: boolean | undefined;
  readonly poolMultiplier?: number | undefined;
  /** Its device model can touch nothing but this domain (libxl's `dm_restrict`). */
  readonly isModelConfined?: boolean | undefined;
}

export type BuildConfig = PvConfig | PvhConfig | HvmConfig;

/** Video memory of qemu's Cirrus card. */
export const VIDEO_KIB_DEFAULT = 8192;

/** Checks the configuration against the domain and gives its memory. Throws DOMAIN_WRONG_STATE or CONFIG_BAD_VALUE. */
export function checkBuild(config: BuildConfig, { domid, guestType }: DomainInfo): MemoryBreakdown {
  const { kind, vcpus, onlineVcpus = vcpus } = config;
  if (guestType !== kind) {
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: `Domain ${domid} was created as ${guestType} and cannot be built as ${kind}`,
      context: { domid, guestType },
    });
  }
  const max = VCPUS_MAX[kind];
  if (!isCount(vcpus, max) || !isCount(onlineVcpus, vcpus)) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A ${kind} guest has 1 to ${max} vcpus, of which at least one is online, not ${vcpus} and ${onlineVcpus}`,
      context: { vcpus, onlineVcpus },
    });
  }
  const names = [...Object.keys(config.platform ?? {}), ...Object.keys(config.xenstoreData ?? {})];
  const badName = names.find((name) => !/^[\w.@-]+(\/[\w.@-]+)*$/.test(name) || name.length > 256);
  if (badName !== undefined) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `${JSON.stringify(badName.slice(0, 64))} cannot be the name of a node: letters, digits, _ . @ - and single slashes between`,
      context: { name: badName.slice(0, 64) },
    });
  }
  return breakDownMemory({
    guestType: kind,
    vcpus,
    targetKib: config.memoryKib,
    maxKib: config.maxMemoryKib,
    videoKib: config.kind === 'hvm' ? (config.videoMemoryKib ?? VIDEO_KIB_DEFAULT) : undefined,
    poolMultiplier: config.kind === 'pv' ? undefined : config.poolMultiplier,
  });
}

const isCount = (value: number, max: number): boolean =>
  Number.isInteger(value) && value >= 1 && value <= max;
