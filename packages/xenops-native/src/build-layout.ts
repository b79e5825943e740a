/**
 * Where the memory of a hardware container lies: below a hole for devices that ends at 4 GiB, and above. The addresses are
 * those that libxl 4.17 gives (`libxl__build_hvm`, `domain_construct_memmap`), because guests may have been installed on it.
 */
import { HypervisorError } from '@xenops/core/errors';
import { BYTES_PER_KIB, KIB_PER_MIB } from '@xenops/core/units';
import type { AddonContainerLayout, AddonMemoryRange } from './addon-build.ts';

const PAGE_BYTES = 4096;
const MIB = KIB_PER_MIB * BYTES_PER_KIB;
const FOUR_GIB = 2 ** 32;

/** `E820_*` (xen/include/public/arch-x86/hvm/start_info.h has the same numbers). */
const E820_RAM = 1;
const E820_RESERVED = 2;
const E820_ACPI = 3;

/** Rings for xenstore, console and device model (`X86_HVM_END_SPECIAL_REGION` and `X86_HVM_NR_SPECIAL_PAGES`, xenguest.h). */
const SPECIAL_PAGES = { addressBytes: 0xfeff8000, sizeBytes: 8 * PAGE_BYTES };

/** Start of PVH's ACPI tables (`ACPI_INFO_PHYSICAL_ADDRESS`), and so of its hole: everything else lies above. */
export const PVH_ACPI_ADDRESS_BYTES = 0xfc000000;
/** The end of the BIOS of a PC, where every Linux finds the root pointer of ACPI. */
export const LEGACY_ACPI_ROOT_BYTES: number = MIB - 64;

/** `HVM_BELOW_4G_MMIO_LENGTH` (xen/include/public/hvm/e820.h): HVM's hole unless a larger one is asked for. */
const HVM_HOLE_BYTES = 0x10000000;
/** At least this much memory lies below the hole, for firmware that knows no more. */
const HVM_LOW_BYTES_MIN = 256 * MIB;
/** Below it hvmloader makes the map of a PC itself. */
const HVM_MAP_START_BYTES = MIB;
/** Where VGA has its window: 0xa0000 to 0xc0000 (`LIBXL_VGA_HOLE_SIZE`). */
export const VGA_HOLE_PAGES = 0x20;

/** The layout of a PVH guest with `memoryBytes` and ACPI tables of that size. */
export function pvhLayout(memoryBytes: number, acpiBytes: number): AddonContainerLayout {
  const ends = layoutAround(PVH_ACPI_ADDRESS_BYTES, memoryBytes);
  return {
    ...ends,
    memoryMap: [
      { addressBytes: 0, sizeBytes: ends.lowEndBytes, type: E820_RAM },
      { ...SPECIAL_PAGES, type: E820_RESERVED },
      {
        addressBytes: PVH_ACPI_ADDRESS_BYTES,
        sizeBytes: Math.ceil(acpiBytes / PAGE_BYTES) * PAGE_BYTES,
        type: E820_ACPI,
      },
      ...highMemory(ends.highEndBytes),
    ],
  };
}

/** The layout of an HVM guest. Throws HYPERVISOR_BAD_ARGUMENT for a hole that leaves no room below it. */
export function hvmLayout(memoryBytes: number, holeKib: number | undefined): AddonContainerLayout {
  const holeBytes = Math.max(HVM_HOLE_BYTES, (holeKib ?? 0) * BYTES_PER_KIB);
  const holeKibMax = (FOUR_GIB - HVM_LOW_BYTES_MIN) / BYTES_PER_KIB;
  if (holeBytes % PAGE_BYTES !== 0 || holeBytes > FOUR_GIB - HVM_LOW_BYTES_MIN) {
    throw new HypervisorError('HYPERVISOR_BAD_ARGUMENT', {
      message: `The hole for PCI devices must be whole pages and at most ${holeKibMax} KiB`,
      context: { mmioHoleKib: holeKib },
    });
  }
  const ends = layoutAround(FOUR_GIB - holeBytes, memoryBytes);
  return {
    ...ends,
    memoryMap: [
      {
        addressBytes: HVM_MAP_START_BYTES,
        sizeBytes: ends.lowEndBytes - HVM_MAP_START_BYTES,
        type: E820_RAM,
      },
      ...highMemory(ends.highEndBytes),
    ],
  };
}

function layoutAround(
  holeStartBytes: number,
  memoryBytes: number,
): Omit<AddonContainerLayout, 'memoryMap'> {
  return {
    lowEndBytes: Math.min(memoryBytes, holeStartBytes),
    highEndBytes: memoryBytes > holeStartBytes ? FOUR_GIB + memoryBytes - holeStartBytes : 0,
    holeStartBytes,
    holeSizeBytes: FOUR_GIB - holeStartBytes,
  };
}

function highMemory(highEndBytes: number): readonly AddonMemoryRange[] {
  return highEndBytes === 0
    ? []
    : [{ addressBytes: FOUR_GIB, sizeBytes: highEndBytes - FOUR_GIB, type: E820_RAM }];
}
