/**
 * What becomes of a domain's memory, and what it takes of the host (libxl 4.17: `libxl_domain_need_memory`, `libxl__build_pre`,
 * `libxl_get_required_paging_memory`, `libxl_set_memory_target`). One function for the arithmetic of all guest types; pure.
 *
 * From bottom to top: the balloon (not there at the start), the guest's memory, video memory, then what only Xen sees: slack
 * within its limit, its own structures, page tables of hardware containers.
 */
import { ConfigError } from '../errors.ts';
import type { GuestType } from '../hypervisor/hypervisor.ts';
import { kibFromMib, KIB_PER_PAGE, mibFromKibUp, roundKibUpToMib } from '../units.ts';

/** What Xen's limit allows above the target: frames the builder and the guest's grant table need. */
export const MAX_MEMORY_SLACK_KIB = 1024;
/** What Xen needs for its own structures, as libxl estimates it (LIBXL_PV_EXTRA_MEMORY, LIBXL_HVM_EXTRA_MEMORY). */
const EXTRA_KIB: Readonly<Record<GuestType, number>> = { pv: 1024, pvh: 2048, hvm: 2048 };
/** What hvmloader and qemu keep of a guest that is populated on demand (LIBXL_MAXMEM_CONSTANT). */
const POD_RESERVE_KIB = 1024;
/** libxl rounds what a start needs up to whole superpages. */
const NEED_UNIT_KIB = kibFromMib(2);
/** Pages of the paging pool for each vcpu (`libxl_get_required_paging_memory`: 256 pages a vcpu). */
const POOL_PAGES_PER_VCPU = 256;
/** Least memory a guest is built with; below, no kernel of today fits beside its page tables. */
export const BUILD_MEMORY_MIN_KIB: number = kibFromMib(1);

/** What is asked for. */
export interface MemoryConfig {
  readonly guestType: GuestType;
  readonly vcpus: number;
  /** What the guest starts with, video memory included. */
  readonly targetKib: number;
  /** What it can balloon up to, video memory included; `targetKib` unless said. */
  readonly maxKib?: number | undefined;
  /** Of the emulated card; 0 unless said. */
  readonly videoKib?: number | undefined;
  /** Hardware assisted paging; on unless said. */
  readonly hap?: boolean | undefined;
  /** Scales the paging pool; 1 unless said. */
  readonly poolMultiplier?: number | undefined;
}

/** What comes of it. All KiB. */
export interface MemoryBreakdown {
  /** `memory/static-max`. */
  readonly staticMaxKib: number;
  /** Guest and video memory at the start. */
  readonly targetKib: number;
  readonly videoKib: number;
  /** What the builder populates; whole MiB. */
  readonly buildKib: number;
  /** What the guest's memory map shows. */
  readonly buildMaxKib: number;
  /** `memory/target`: what the guest's balloon driver goes by. */
  readonly guestTargetKib: number;
  /** Xen's limit. */
  readonly xenMaxKib: number;
  /** Pages for the domain's nested or shadow page tables; none for PV. */
  readonly pagingPoolKib: number;
  /** What the host must have free for a start. */
  readonly neededKib: number;
}

/** The breakdown. Throws CONFIG_BAD_VALUE when the parts contradict each other. */
export function breakDownMemory(config: MemoryConfig): MemoryBreakdown {
  const { guestType, vcpus, videoKib = 0, hap = true, poolMultiplier = 1 } = config;
  checkConfig(config);
  const targetKib = roundKibUpToMib(config.targetKib);
  const staticMaxKib = Math.max(targetKib, roundKibUpToMib(config.maxKib ?? targetKib));
  const pagingPoolKib = poolKib({ guestType, vcpus, staticMaxKib, hap, poolMultiplier });
  const needKib = targetKib + pagingPoolKib + EXTRA_KIB[guestType];
  return {
    staticMaxKib,
    targetKib,
    videoKib,
    buildKib: targetKib - videoKib,
    buildMaxKib: staticMaxKib - videoKib,
    guestTargetKib: guestTargetKib({ guestType, targetKib, staticMaxKib, videoKib }),
    xenMaxKib: targetKib + MAX_MEMORY_SLACK_KIB,
    pagingPoolKib,
    neededKib: Math.ceil(needKib / NEED_UNIT_KIB) * NEED_UNIT_KIB,
  };
}

/** What a guest's balloon driver is told for this total: without video memory, nor what an HVM guest populated on demand keeps back. */
export function guestTargetKib({
  guestType,
  targetKib,
  staticMaxKib,
  videoKib,
}: Pick<MemoryBreakdown, 'targetKib' | 'staticMaxKib' | 'videoKib'> & {
  readonly guestType: GuestType;
}): number {
  const isOnDemand = guestType === 'hvm' && staticMaxKib > targetKib;
  return targetKib - videoKib - (isOnDemand ? POD_RESERVE_KIB : 0);
}

/**
 * A page of p2m for each MiB, and without hardware assisted paging another one for what is shadowed, besides the share of
 * the vcpus.
 */
function poolKib({
  guestType,
  vcpus,
  staticMaxKib,
  hap,
  poolMultiplier,
}: Pick<MemoryConfig, 'guestType' | 'vcpus'> &
  Pick<MemoryBreakdown, 'staticMaxKib'> & {
    readonly hap: boolean;
    readonly poolMultiplier: number;
  }): number {
  if (guestType === 'pv') return 0;
  const mib = mibFromKibUp(staticMaxKib);
  const pages = POOL_PAGES_PER_VCPU * vcpus + mib + (hap ? 0 : mib);
  return roundKibUpToMib(pages * KIB_PER_PAGE * poolMultiplier);
}

function checkConfig(config: MemoryConfig): void {
  const { guestType, targetKib, maxKib = targetKib, videoKib = 0 } = config;
  const poolMultiplier = config.poolMultiplier ?? 1;
  const numbers = [targetKib, maxKib, videoKib];
  const why = numbers.some((value) => !Number.isSafeInteger(value) || value < 0)
    ? 'amounts of memory are whole KiB'
    : targetKib < BUILD_MEMORY_MIN_KIB
      ? `a guest needs at least ${BUILD_MEMORY_MIN_KIB} KiB`
      : maxKib < targetKib
        ? `its maximum of ${maxKib} KiB is less than its target of ${targetKib} KiB`
        : targetKib - videoKib < BUILD_MEMORY_MIN_KIB
          ? `${videoKib} KiB of video memory leave too little of its ${targetKib} KiB`
          : guestType !== 'hvm' && videoKib > 0
            ? 'only an HVM guest has video memory'
            : poolMultiplier < 1 || !Number.isFinite(poolMultiplier)
              ? 'the multiplier of the paging pool is 1 or more'
              : undefined;
  if (why === undefined) return;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `The memory of this ${guestType} guest cannot be: ${why}`,
    context: { guestType, targetKib, maxKib, videoKib },
  });
}
