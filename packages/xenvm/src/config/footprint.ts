/** How much memory a VM needs to start. */
import { breakDownMemory } from '@xenops/core/memory';
import { KIB_PER_MIB, kibFromMib, mibFromKibUp, PAGES_PER_MIB } from '@xenops/core/units';
import { guestTypeOf } from './guest-type.ts';
import type { VmConfig } from './vm-config.ts';

/** Pages of the paging pool for each vcpu and for each MiB, as the old monitor counted them. */
const POOL_PAGES_PER_VCPU = 256;
const POOL_PAGES_PER_MIB = 2;
/** What Xen needs besides, as the old monitor counted it. */
const EXTRA_MIB = { pv: 1, pvh: 2, hvm: 2 } as const;

/**
 * What must be free on the host before a start, stub domain included. Managers balloon by this number before they call `start`, so that
 * it is never less than what they were told before, nor less than what the start then asks for.
 */
export function requiredToBootKib(config: VmConfig): number {
  const { memoryKib = 0, memoryMaxKib = memoryKib, vcpus, stubdom, stubdomMemoryKib } = config;
  const guestType = guestTypeOf(config);
  const own = footprintKib({ guestType, memoryKib, memoryMaxKib, vcpus, hap: config.hap });
  if (guestType !== 'hvm' || stubdom === undefined) return own;
  return (
    own +
    footprintKib({
      guestType: 'pv',
      memoryKib: stubdomMemoryKib,
      memoryMaxKib: stubdomMemoryKib,
      vcpus: 1,
      hap: true,
    })
  );
}

interface Footprint {
  readonly guestType: 'pv' | 'pvh' | 'hvm';
  readonly memoryKib: number;
  readonly memoryMaxKib: number;
  readonly vcpus: number;
  readonly hap: boolean;
}

function footprintKib({ guestType, memoryKib, memoryMaxKib, vcpus, hap }: Footprint): number {
  if (memoryKib < KIB_PER_MIB) return 0;
  const maxKib = Math.max(memoryKib, memoryMaxKib);
  const poolPages = POOL_PAGES_PER_VCPU * vcpus + POOL_PAGES_PER_MIB * mibFromKibUp(maxKib);
  const poolMib = Math.max(1, Math.ceil(poolPages / PAGES_PER_MIB));
  const toldBefore = kibFromMib(mibFromKibUp(memoryKib) + EXTRA_MIB[guestType] + poolMib);
  const { neededKib } = breakDownMemory({ guestType, vcpus, targetKib: memoryKib, maxKib, hap });
  return Math.max(toldBefore, neededKib);
}
