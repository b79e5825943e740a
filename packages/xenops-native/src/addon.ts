/**
 * The exports of the addon, typed by hand. They are the thinnest form of Xen's calls: no defaults, no policy, and numbers
 * that are out of range are refused with a RangeError, values of the wrong type with a TypeError, a wrong number of
 * arguments likewise. A call that fails throws, or rejects with, an Error that has the fields of `AddonFailure`.
 */
import type { XenVersion } from '@xenops/core/hypervisor';
import { BUILD_ARITY, type AddonBuild } from './addon-build.ts';
import { DOMAIN_CONTROL_ARITY, type AddonDomainControl } from './addon-domain-control.ts';
import { HARDWARE_ARITY, type AddonHardware } from './addon-hardware.ts';
import { HOST_ARITY, type AddonHost } from './addon-host.ts';
import { HOTPLUG_ARITY, type AddonHotplug } from './addon-hotplug.ts';
import { RINGS_ARITY, type AddonRings } from './addon-rings.ts';
import type { AddonOperation, XcInterface } from './addon-types.ts';
import { VCPUS_ARITY, type AddonVcpus } from './addon-vcpus.ts';

export type { AddonOperation, XcInterface } from './addon-types.ts';

declare const storeBrand: unique symbol;

/** A connection to xenstored through libxenstore, with a thread of its own. Closed by `closeStore`. */
export interface StoreConnection {
  readonly [storeBrand]: true;
}

/**
 * What a connection to xenstored tells: that it is open, messages of the wire, and its end, for which `value` is the error
 * that caused it. Nothing comes after the end, and it comes alone when the connection cannot be made.
 */
export type StoreEvent = (event: 'open' | 'data' | 'close', value?: Uint8Array | Error) => void;

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

/** Where the fields of a domain's record are, in bytes from its start; all but `handle` and `domid` are aligned to their size, `handle` to 4. */
export interface AddonDomainLayout {
  /** Of one record; they follow each other. */
  readonly recordBytes: number;
  /** 16 bits. */
  readonly domid: number;
  /** 32 bits, `XEN_DOMINF_*`. */
  readonly flags: number;
  /** 64 bits, like the next four. */
  readonly totalPages: number;
  readonly maxPages: number;
  readonly outstandingPages: number;
  readonly sharedInfoFrame: number;
  readonly cpuTimeNs: number;
  /** 32 bits, like the others but `handle`. */
  readonly onlineVcpuCount: number;
  /** `XEN_INVALID_MAX_VCPU_ID` while it has none. */
  readonly maxVcpuId: number;
  readonly ssidref: number;
  /** The 16 bytes of the uuid. */
  readonly handle: number;
  readonly cpupoolId: number;
  /** `XEN_X86_EMU_*`. */
  readonly emulationFlags: number;
}

export interface Addon
  extends
    AddonBuild,
    AddonDomainControl,
    AddonVcpus,
    AddonHardware,
    AddonHost,
    AddonHotplug,
    AddonRings {
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

  /** Of the records that the following two write: `xen_domctl_getdomaininfo` of the Xen that this addon was built for. */
  domainLayout(): AddonDomainLayout;
  /** `xc_domain_getinfolist` from domid 0: how many domains were written to `records`; when that is all it has room for, there may be more. */
  listDomains(xc: XcInterface, records: ArrayBuffer): number;
  /** Whether there is exactly this domain; `records` begins with its record then. */
  findDomain(xc: XcInterface, domid: number, records: ArrayBuffer): boolean;
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
  createDomain(xc: XcInterface, spec: AddonCreateSpec): number;
  /** The same on a thread, for a domain of many vcpus: each takes Xen some microseconds. */
  startCreateDomain(xc: XcInterface, spec: AddonCreateSpec): AddonOperation<number>;
  /** `xc_domain_destroy`; not Dom0. Has no stages, so abort has no effect. */
  startDestroyDomain(xc: XcInterface, domid: number): AddonOperation<void>;
  /** `xs_open`, on the connection's thread. */
  openStore(onEvent: StoreEvent): StoreConnection;
  /** Has the call made that one message of the wire asks for; its reply comes as data. After the end without effect. */
  sendToStore(store: StoreConnection, message: Uint8Array): void;
  /** Whether the connection keeps the process alive; it does at first. */
  keepAliveForStore(store: StoreConnection, keepAlive: boolean): void;
  /** `xs_close`, as soon as the call under way has come back. */
  closeStore(store: StoreConnection): void;
}

/** How many arguments each export takes. */
export const ADDON_ARITY: Readonly<Record<keyof Addon, number>> = {
  openInterface: 0,
  closeInterface: 1,
  version: 1,
  physInfo: 1,
  pcpuIdleNs: 1,
  consoleRing: 1,
  domainLayout: 0,
  listDomains: 2,
  findDomain: 3,
  setHandle: 3,
  setMaxMemory: 3,
  allocUnboundEvtchn: 3,
  pauseDomain: 2,
  unpauseDomain: 2,
  shutdownDomain: 3,
  createDomain: 2,
  startCreateDomain: 2,
  startDestroyDomain: 2,
  ...BUILD_ARITY,
  ...DOMAIN_CONTROL_ARITY,
  ...VCPUS_ARITY,
  ...HARDWARE_ARITY,
  ...HOST_ARITY,
  ...HOTPLUG_ARITY,
  ...RINGS_ARITY,
  openStore: 1,
  sendToStore: 2,
  keepAliveForStore: 2,
  closeStore: 1,
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
