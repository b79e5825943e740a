/** What the builder is given: the values that libxl 4.17 uses wherever the caller has said nothing. */
import { HypervisorError, type ErrorContext } from '@xenops/core/errors';
import {
  TSC_MODES,
  type BuildSpec,
  type HvmBuildSpec,
  type PvBuildSpec,
  type PvhBuildSpec,
  type RestoreSpec,
} from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import { BYTES_PER_KIB, KIB_PER_MIB, mibFromKibDown, pagesFromKibDown } from '@xenops/core/units';
import type {
  AddonBuildSpec,
  AddonHvm,
  AddonPrepareSpec,
  AddonRestoreSpec,
} from './addon-build.ts';
import { acpiTables } from './build-acpi.ts';
import {
  hvmLayout,
  LEGACY_ACPI_ROOT_BYTES,
  PVH_ACPI_ADDRESS_BYTES,
  pvhLayout,
  VGA_HOLE_PAGES,
} from './build-layout.ts';
import { cpuPolicyArguments } from './cpu-policy.ts';
import type { KernelCache } from './kernel-cache.ts';

/** What a kernel or ramdisk may take once unpacked; a small file can claim any size (XSA-25). */
const IMAGE_BYTES_MAX = 2 ** 30;

/** Room for the command line in a PV guest's start info page, its NUL included (`MAX_GUEST_CMDLINE`, xen/include/public/xen.h). */
const CMDLINE_BYTES_MAX = 1024;

/** Files beside the kernel, the ramdisk included (`XG_MAX_MODULES`, xenguest.h). */
const MODULES_MAX = 2;

const BITS_PER_BYTE = 8;

/** What the domain and this process add to a specification. */
export interface BuildSurroundings {
  readonly domid: Domid;
  /** How many vcpus the domain was made with. */
  readonly vcpuCount: number;
  readonly kernelCache: KernelCache | undefined;
}

/** The arguments of a build. Throws HYPERVISOR_BAD_ARGUMENT for what the builder would cut off silently or end the process for. */
export function buildArguments(spec: BuildSpec, around: BuildSurroundings): AddonBuildSpec {
  const { domid } = around;
  const maxMemoryKib = spec.maxMemoryKib ?? spec.memoryKib;
  checkMemory(domid, { memoryKib: spec.memoryKib, maxMemoryKib });
  switch (spec.kind) {
    case 'pv':
      return pvArguments(spec, around);
    case 'pvh':
      return pvhArguments(spec, maxMemoryKib, around);
    case 'hvm':
      return hvmArguments(spec, maxMemoryKib, around);
  }
}

/** The arguments of a restore. */
export function restoreArguments(spec: RestoreSpec): AddonRestoreSpec {
  return { ...prepareArguments(spec.guestType, spec), fd: spec.fd };
}

function pvArguments(spec: PvBuildSpec, around: BuildSurroundings): AddonBuildSpec {
  const cmdlineBytes = Buffer.byteLength(spec.cmdline) + 1;
  if (cmdlineBytes > CMDLINE_BYTES_MAX) {
    const { domid } = around;
    throw badArgument(
      `The command line of domain ${domid} is longer than ${CMDLINE_BYTES_MAX - 1} bytes`,
      { domid, cmdlineBytes },
    );
  }
  return {
    ...commonArguments(spec, around),
    kernelPath: spec.kernelPath,
    cmdline: spec.cmdline,
    modules: modulesOf(spec),
    memoryMib: mibFromKibDown(spec.memoryKib),
    targetPages: pagesFromKibDown(spec.memoryKib),
  };
}

function pvhArguments(
  spec: PvhBuildSpec,
  maxMemoryKib: number,
  around: BuildSurroundings,
): AddonBuildSpec {
  const { domid, vcpuCount } = around;
  const modules = [
    ...modulesOf(spec),
    ...(spec.modules ?? []).map(({ path, cmdline }) => ({ path, cmdline })),
  ];
  if (modules.length > MODULES_MAX) {
    throw badArgument(
      `Domain ${domid} can be given at most ${MODULES_MAX} files beside its kernel`,
      { domid, moduleCount: modules.length },
    );
  }
  const online = onlineVcpus(spec.onlineVcpus, around);
  const tables = acpiTables(PVH_ACPI_ADDRESS_BYTES, vcpuCount, online);
  return {
    ...commonArguments(spec, around),
    kernelPath: spec.kernelPath,
    cmdline: spec.cmdline,
    modules,
    memoryMib: mibFromKibDown(maxMemoryKib),
    targetPages: pagesFromKibDown(spec.memoryKib),
    layout: pvhLayout(maxMemoryKib * BYTES_PER_KIB, tables.bytes.length),
    acpi: {
      addressBytes: PVH_ACPI_ADDRESS_BYTES,
      tables: tables.bytes,
      legacyRootBytes: LEGACY_ACPI_ROOT_BYTES,
      rootSizeBytes: tables.rootSizeBytes,
    },
  };
}

function hvmArguments(
  spec: HvmBuildSpec,
  maxMemoryKib: number,
  around: BuildSurroundings,
): AddonBuildSpec {
  const { videoMemoryKib } = spec;
  const { domid } = around;
  const isWhole = videoMemoryKib === 0 || isWholeMib(videoMemoryKib);
  if (!isWhole || videoMemoryKib >= spec.memoryKib) {
    throw badArgument(
      `The video memory of domain ${domid} must be whole MiB and less than its memory`,
      { domid, videoMemoryKib, memoryKib: spec.memoryKib },
    );
  }
  return {
    ...commonArguments(spec, around),
    kernelPath: spec.loaderPath,
    cmdline: '',
    modules: [],
    memoryMib: mibFromKibDown(maxMemoryKib - videoMemoryKib),
    targetPages: pagesFromKibDown(spec.memoryKib - videoMemoryKib),
    layout: hvmLayout((maxMemoryKib - videoMemoryKib) * BYTES_PER_KIB, spec.mmioHoleKib),
    hvm: hvmPart(spec, around),
  };
}

function hvmPart(spec: HvmBuildSpec, around: BuildSurroundings): AddonHvm {
  const online = onlineVcpus(spec.onlineVcpus, around);
  const bitmap = new Uint8Array(Math.ceil(online / BITS_PER_BYTE)).fill(0xff);
  const rest = online % BITS_PER_BYTE;
  if (rest > 0) bitmap[bitmap.length - 1] = 2 ** rest - 1;
  return {
    firmwarePath: spec.firmwarePath,
    acpiModulePath: spec.acpiModulePath,
    smbiosModulePath: spec.smbiosModulePath,
    vgaHolePages: VGA_HOLE_PAGES,
    onlineVcpus: bitmap,
    viridianFeatures: spec.viridianFeatures ?? 0n,
  };
}

type Common = Omit<
  AddonBuildSpec,
  'kernelPath' | 'cmdline' | 'modules' | 'memoryMib' | 'targetPages'
>;

function commonArguments(spec: BuildSpec, { vcpuCount, kernelCache }: BuildSurroundings): Common {
  return {
    ...prepareArguments(spec.kind, spec),
    maxVcpus: vcpuCount,
    claim: true,
    kernelBytesMax: IMAGE_BYTES_MAX,
    moduleBytesMax: IMAGE_BYTES_MAX,
    kernelCache,
    layout: undefined,
    acpi: undefined,
    hvm: undefined,
  };
}

function prepareArguments(
  guestType: BuildSpec['kind'],
  spec: BuildSpec | RestoreSpec,
): AddonPrepareSpec {
  return {
    guestType,
    memoryMapKib: spec.maxMemoryKib ?? spec.memoryKib,
    tscMode: TSC_MODES.indexOf(spec.tscMode ?? 'default'),
    timeOffsetSeconds: spec.timeOffsetSeconds ?? 0,
    hpet: 'hpet' in spec ? (spec.hpet ?? true) : true,
    cpuPolicy: cpuPolicyArguments(spec.cpuPolicy ?? {}),
    storeEvtchn: spec.storeEvtchn,
    storeDomid: spec.storeDomid,
    consoleEvtchn: spec.consoleEvtchn,
    consoleDomid: spec.consoleDomid,
  };
}

function modulesOf({ ramdiskPath }: PvBuildSpec | PvhBuildSpec): AddonBuildSpec['modules'] {
  return ramdiskPath === undefined ? [] : [{ path: ramdiskPath, cmdline: undefined }];
}

function onlineVcpus(wanted: number | undefined, { domid, vcpuCount }: BuildSurroundings): number {
  const online = wanted ?? vcpuCount;
  if (Number.isInteger(online) && online >= 1 && online <= vcpuCount) return online;
  throw badArgument(`Domain ${domid} can start with 1 to ${vcpuCount} vcpus`, { domid, online });
}

function checkMemory(
  domid: Domid,
  memory: { readonly memoryKib: number; readonly maxMemoryKib: number },
): void {
  const { memoryKib, maxMemoryKib } = memory;
  if (!isWholeMib(memoryKib) || !isWholeMib(maxMemoryKib)) {
    throw badArgument(`Domain ${domid} must be built with whole MiB of memory`, {
      domid,
      ...memory,
    });
  }
  if (maxMemoryKib < memoryKib) {
    throw badArgument(`Domain ${domid} cannot start with more memory than it may have`, {
      domid,
      ...memory,
    });
  }
}

function isWholeMib(kib: number): boolean {
  return Number.isSafeInteger(kib) && kib > 0 && kib % KIB_PER_MIB === 0;
}

function badArgument(message: string, context: ErrorContext): HypervisorError {
  return new HypervisorError('HYPERVISOR_BAD_ARGUMENT', { message, context });
}
