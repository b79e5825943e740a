/** The addon's calls that fill a domain and empty it into a stream (cpp/build.cc, cpp/save.cc, cpp/restore.cc). */
import type { GuestType } from '@xenops/core/hypervisor';
import type { AddonOperation, XcInterface } from './addon-types.ts';
import type { AddonCpuPolicy } from './addon-vcpus.ts';

/** Hears of each stage as it begins, and how far it is where that is known. */
export type AddonStageListener =
  ((stage: string, done?: number, total?: number) => void) | undefined;

/** What is set before memory is filled. */
export interface AddonPrepareSpec {
  readonly guestType: GuestType;
  /** PV: size of the memory map that the guest is shown (`xc_domain_set_memmap_limit`). */
  readonly memoryMapKib: number;
  /** `XEN_CPUID_TSC_MODE_*`. */
  readonly tscMode: number;
  readonly timeOffsetSeconds: number;
  /** HVM: `HVM_PARAM_HPET_ENABLED`. */
  readonly hpet: boolean;
  readonly cpuPolicy: AddonCpuPolicy;
  readonly storeEvtchn: number;
  readonly storeDomid: number;
  readonly consoleEvtchn: number;
  readonly consoleDomid: number;
}

/** An entry of a PC's memory map; `type` as in the e820 table. */
export interface AddonMemoryRange {
  readonly addressBytes: number;
  readonly sizeBytes: number;
  readonly type: number;
}

/** Where the memory of a hardware container lies. */
export interface AddonContainerLayout {
  readonly lowEndBytes: number;
  /** 0: nothing above 4 GiB. */
  readonly highEndBytes: number;
  readonly holeStartBytes: number;
  readonly holeSizeBytes: number;
  readonly memoryMap: readonly AddonMemoryRange[];
}

export interface AddonAcpi {
  readonly addressBytes: number;
  /** All tables; the root pointer (RSDP) comes first. */
  readonly tables: Uint8Array;
  /** Where the root pointer lies for a Linux that searches only there. */
  readonly legacyRootBytes: number;
  readonly rootSizeBytes: number;
}

export interface AddonHvm {
  readonly firmwarePath: string;
  readonly acpiModulePath: string | undefined;
  readonly smbiosModulePath: string | undefined;
  readonly vgaHolePages: number;
  /** A bit for each vcpu, the lowest first; at most 16 bytes. */
  readonly onlineVcpus: Uint8Array;
  /** `HVM_PARAM_VIRIDIAN`; 0: not set. */
  readonly viridianFeatures: bigint;
}

export interface AddonBuildSpec extends AddonPrepareSpec {
  readonly kernelPath: string;
  /** HVM: not used. */
  readonly cmdline: string;
  /** The ramdisk first; at most 2 (`XG_MAX_MODULES`). */
  readonly modules: readonly { readonly path: string; readonly cmdline: string | undefined }[];
  /** All the guest can have. */
  readonly memoryMib: number;
  /** Containers: pages filled now; fewer than all is populate-on-demand. */
  readonly targetPages: number;
  readonly maxVcpus: number;
  /** Set the memory aside before filling it, so that too little fails at once. */
  readonly claim: boolean;
  /** Of the file, and of what it unpacks to. */
  readonly kernelBytesMax: number;
  readonly moduleBytesMax: number;
  /** undefined: every kernel is unpacked anew. */
  readonly kernelCache: { readonly folder: string; readonly bytesMax: number } | undefined;
  /** Containers only, and always. */
  readonly layout: AddonContainerLayout | undefined;
  /** PVH only. */
  readonly acpi: AddonAcpi | undefined;
  /** HVM only, and always. */
  readonly hvm: AddonHvm | undefined;
}

/** Bytes in the guest's physical memory. */
export interface AddonGuestBytes {
  readonly addressBytes: bigint;
  readonly sizeBytes: number;
}

export interface AddonBuildResult {
  readonly storeFrame: bigint;
  readonly consoleFrame: bigint;
  readonly acpiModule?: AddonGuestBytes;
  readonly smbiosModule?: AddonGuestBytes;
}

export interface AddonSaveSpec {
  readonly fd: number;
  readonly live: boolean;
  /** Whether `round` is asked; libxenguest decides otherwise. */
  readonly asksEachRound: boolean;
}

/** What the thread that saves waits for an answer to. */
export type AddonSaveQuestion =
  /** Suspend the guest. 1: it is; 0: it is not. */
  | { readonly kind: 'suspend' }
  /** Turn the device model's dirty tracking on or off; of every container. 0: done; -1: failed. */
  | { readonly kind: 'dirty-tracking'; readonly enabled: boolean }
  /** `XGS_POLICY_*`: 0 go on copying, 1 suspend now, -1 give up. */
  | {
      readonly kind: 'round';
      readonly iteration: number;
      readonly totalPages: number;
      /** -1: not known. */
      readonly dirtyPages: number;
    };

export interface AddonRestoreSpec extends AddonPrepareSpec {
  readonly fd: number;
}

export interface AddonBuild {
  /**
   * Builds a guest with the `xc_dom_*` calls. The stages are `kernel`, `ramdisk` and `firmware` (read the files), `prepare`
   * (memory map, time stamp counter, cpu policy), `parse`, or for a packed kernel that no cache has `unpack` and `cache`,
   * then `memory` (allocate), `load`, `boot` (page tables, first vcpu, grants).
   */
  startBuild(
    xc: XcInterface,
    domid: number,
    spec: AddonBuildSpec,
    onStage: AddonStageListener,
  ): AddonOperation<AddonBuildResult>;
  /**
   * `xc_domain_save`. The stages are `copy` (live), `suspend` and `memory`. A question is answered by calling `reply` once,
   * at any time. An abort answers it too, and takes the stream away from a thread that is stuck in it.
   */
  startSave(
    xc: XcInterface,
    domid: number,
    spec: AddonSaveSpec,
    onQuestion: (question: AddonSaveQuestion, reply: (answer: number) => void) => void,
    onStage: AddonStageListener,
  ): AddonOperation<void>;
  /** `xc_domain_restore`. The stages are `prepare` and `memory`. */
  startRestore(
    xc: XcInterface,
    domid: number,
    spec: AddonRestoreSpec,
    onStage: AddonStageListener,
  ): AddonOperation<AddonBuildResult>;
}

export const BUILD_ARITY: Readonly<Record<keyof AddonBuild, number>> = {
  startBuild: 4,
  startSave: 5,
  startRestore: 4,
};
