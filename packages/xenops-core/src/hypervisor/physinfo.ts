/** What the host is (`xen_sysctl_physinfo`, xen/include/public/sysctl.h). */
export interface PhysInfo {
  readonly cpuCount: number;
  readonly threadsPerCore: number;
  readonly coresPerSocket: number;
  readonly nodeCount: number;
  readonly maxCpuId: number;
  readonly maxNodeId: number;
  readonly cpuKhz: number;
  readonly totalMemoryKib: number;
  readonly freeMemoryKib: number;
  /** Memory waiting to be scrubbed; becomes free by itself. */
  readonly scrubMemoryKib: number;
  /** Memory claimed by domains that are being built. */
  readonly outstandingMemoryKib: number;
  readonly capabilities: readonly PhysCapability[];
}

/** Names of the bits of `XEN_SYSCTL_PHYSCAP_*`, by bit number from 0. */
export const PHYS_CAPABILITIES = [
  'hvm',
  'pv',
  'directio',
  'hap',
  'shadow',
  'iommu_hap_pt_share',
  'vmtrace',
  'vpmu',
  'gnttab-v1',
  'gnttab-v2',
] as const;

export type PhysCapability = (typeof PHYS_CAPABILITIES)[number];

/** The names of the bits that are set, lowest first; bits of a newer Xen are left out. */
export function physCapabilities(bits: number): readonly PhysCapability[] {
  return PHYS_CAPABILITIES.filter((_, bit) => ((bits >>> bit) & 1) === 1);
}

/** Idle time of one physical cpu since boot (`xc_getcpuinfo`; Xen counts idle time, not use). */
export interface PcpuInfo {
  readonly cpu: number;
  readonly idleNs: bigint;
}

/** Version and build of the hypervisor (`xc_version`). */
export interface XenVersion {
  readonly major: number;
  readonly minor: number;
  /** Text after the minor number, such as `.7`. */
  readonly extra: string;
  readonly changeset: string;
  readonly compileDate: string;
  readonly compiler: string;
  /** Guest ABIs that Xen can run, such as `xen-3.0-x86_64`, separated by spaces. */
  readonly capabilities: string;
  readonly commandLine: string;
  readonly pageSizeBytes: number;
}
