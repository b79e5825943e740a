/**
 * The exports of the addon, typed by hand. They are the thinnest form of Xen's calls: no defaults, no policy, and numbers
 * that are out of range are refused with a RangeError, values of the wrong type with a TypeError, a wrong number of
 * arguments likewise. A call that fails throws, or rejects with, an Error that has the fields of `AddonFailure`.
 */
import type { XenVersion } from '@xenops/core/hypervisor';

declare const interfaceBrand: unique symbol;

/** A connection to the hypervisor (`xc_interface`). Closed by `closeInterface`, or when it is collected. */
export interface XcInterface {
  readonly [interfaceBrand]: true;
}

/** The fields of an error of a call that failed. */
export interface AddonFailure {
  /** Name of the function that failed; `abort` when the operation was called off. */
  readonly call: string;
  /** 0 where the library set none. */
  readonly errno: number;
  /** `xc_error_code` of xenctrl.h; 0 where the library reported none. */
  readonly libraryCode: number;
  /** Warnings and errors that the library logged during the call: at most 16 lines of 255 bytes, no control characters. */
  readonly log: string;
  /** Stage of a long operation; empty for other calls. */
  readonly stage: string;
}

/** A long call, which runs on a thread of its own. */
export interface AddonOperation<T> {
  readonly done: Promise<T>;
  /** Ends it before its next stage; no effect once it is done. */
  readonly abort: () => void;
}

export interface AddonPhysInfo {
  readonly cpuCount: number;
  readonly threadsPerCore: number;
  readonly coresPerSocket: number;
  readonly nodeCount: number;
  readonly maxCpuId: number;
  readonly maxNodeId: number;
  readonly cpuKhz: number;
  /** Bits `XEN_SYSCTL_PHYSCAP_*`. */
  readonly capabilities: number;
  readonly totalPages: number;
  readonly freePages: number;
  readonly scrubPages: number;
  readonly outstandingPages: number;
}

/** `xen_domctl_createdomain`, field by field. */
export interface AddonCreateSpec {
  /** 16 bytes. */
  readonly handle: Uint8Array;
  /** 1 and up; undefined lets Xen choose. */
  readonly domid: number | undefined;
  readonly ssidref: number;
  readonly hvm: boolean;
  readonly hap: boolean;
  readonly iommu: boolean;
  readonly nestedVirt: boolean;
  readonly vpmu: boolean;
  readonly maxVcpus: number;
  readonly maxEvtchnPort: number;
  /** -1: the hypervisor's own limit. */
  readonly maxGrantFrames: number;
  /** -1: the hypervisor's own limit. */
  readonly maxMaptrackFrames: number;
  readonly maxGrantVersion: number;
  readonly cpupoolId: number;
  /** Bits `XEN_X86_EMU_*`. */
  readonly emulationFlags: number;
}

export interface AddonPvSpec {
  readonly kernelPath: string;
  readonly ramdiskPath: string | undefined;
  readonly cmdline: string;
  readonly memoryMib: number;
  /** Size of the memory map that the guest is shown (`xc_domain_set_memmap_limit`). */
  readonly memoryMapKib: number;
  /** `XEN_CPUID_TSC_MODE_*`. */
  readonly tscMode: number;
  /** Set the memory aside before filling it, so that too little fails at once. */
  readonly claim: boolean;
  /** Of the file, and of what it unpacks to. */
  readonly kernelBytesMax: number;
  readonly ramdiskBytesMax: number;
  readonly storeEvtchn: number;
  readonly storeDomid: number;
  readonly consoleEvtchn: number;
  readonly consoleDomid: number;
}

export interface AddonPvResult {
  readonly storeFrame: bigint;
  readonly consoleFrame: bigint;
}

export interface Addon {
  /** `xc_interface_open`. */
  openInterface(): XcInterface;
  /** `xc_interface_close`. Closing twice does nothing; any other call on a closed one fails with EBADF. */
  closeInterface(xc: XcInterface): void;

  /** `xc_version`, all its parts. */
  version(xc: XcInterface): XenVersion;
  /** `xc_physinfo`. */
  physInfo(xc: XcInterface): AddonPhysInfo;
  /** `xc_getcpuinfo`: idle time by cpu number. */
  pcpuIdleNs(xc: XcInterface): BigUint64Array;
  /** `xc_readconsolering`: the whole ring, left as it is. */
  consoleRing(xc: XcInterface): Uint8Array;

  /** `xc_domain_getinfolist`: all domains, as the records of domain-list-codec.ts. */
  listDomains(xc: XcInterface): ArrayBuffer;
  /** The record of exactly this domain, or none. */
  findDomain(xc: XcInterface, domid: number): ArrayBuffer;
  /** `xc_domain_sethandle`; 16 bytes. */
  setHandle(xc: XcInterface, domid: number, handle: Uint8Array): void;
  /** `xc_domain_setmaxmem`. */
  setMaxMemory(xc: XcInterface, domid: number, maxMemoryKib: number): void;
  /** `xc_evtchn_alloc_unbound`: the port. */
  allocUnboundEvtchn(xc: XcInterface, domid: number, remote: number): number;
  /** `xc_domain_pause`; not Dom0. */
  pauseDomain(xc: XcInterface, domid: number): void;
  /** `xc_domain_unpause`; not Dom0. */
  unpauseDomain(xc: XcInterface, domid: number): void;
  /** `xc_domain_shutdown` with a code `SHUTDOWN_*`; not Dom0. */
  shutdownDomain(xc: XcInterface, domid: number, reason: number): void;

  /** `xc_domain_create` and `xc_domain_max_vcpus`: the domid. When the second fails, the domain is gone again. */
  startCreateDomain(xc: XcInterface, spec: AddonCreateSpec): AddonOperation<number>;
  /** `xc_domain_destroy`; not Dom0. Has no stages, so abort has no effect. */
  startDestroyDomain(xc: XcInterface, domid: number): AddonOperation<void>;
  /**
   * Builds a PV guest with the `xc_dom_*` calls. The stages are `kernel` and `ramdisk` (read the files), `prepare` (memory
   * map, time stamp counter, cpu policy), `parse`, `memory` (allocate), `load`, `boot` (page tables, vcpu, grants).
   */
  startBuildPv(
    xc: XcInterface,
    domid: number,
    spec: AddonPvSpec,
    onStage: ((stage: string) => void) | undefined,
  ): AddonOperation<AddonPvResult>;
}

/** How many arguments each export takes. */
export const ADDON_ARITY: Readonly<Record<keyof Addon, number>> = {
  openInterface: 0,
  closeInterface: 1,
  version: 1,
  physInfo: 1,
  pcpuIdleNs: 1,
  consoleRing: 1,
  listDomains: 1,
  findDomain: 2,
  setHandle: 3,
  setMaxMemory: 3,
  allocUnboundEvtchn: 3,
  pauseDomain: 2,
  unpauseDomain: 2,
  shutdownDomain: 3,
  startCreateDomain: 2,
  startDestroyDomain: 2,
  startBuildPv: 4,
};

/** Whether a loaded module has the exports of this version, each with its number of arguments. */
export function isAddon(module: unknown): module is Addon {
  if (typeof module !== 'object' || module === null) return false;
  const exports = new Map<string, unknown>(Object.entries(module));
  return Object.entries(ADDON_ARITY).every(([name, arity]) => {
    const exported = exports.get(name);
    return typeof exported === 'function' && exported.length === arity;
  });
}
