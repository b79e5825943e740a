/** Cases about the memory of a domain: claims, paging pool, populate-on-demand, guest frames. */
import assert from 'node:assert/strict';
import type { Domid } from '../ids.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import { kibFromMib } from '../units.ts';
import {
  build,
  find,
  GUEST_KIB,
  pvSpec,
  rejects,
  REMAINS_KIB,
  SLACK_KIB,
  UNUSED,
  withDomain,
  type CaseSuite,
} from './hypervisor-case.ts';

const CLAIM_KIB = kibFromMib(64);
const POD_KIB = kibFromMib(16);

/** All of them. */
export function memoryCases(suite: CaseSuite): void {
  claimCases(suite);
  badClaimCases(suite);
  poolCases(suite);
  podCases(suite);
}

/** A domain that may have `GUEST_KIB`, and has nothing yet. */
async function withLimit(
  hypervisor: Hypervisor,
  body: (domid: Domid) => Promise<void>,
): Promise<void> {
  await withDomain(hypervisor, {}, async (domid) => {
    await hypervisor.setMaxMemory(domid, GUEST_KIB + SLACK_KIB);
    await body(domid);
  });
}

function claimCases({ check, checkIf, options }: CaseSuite): void {
  check('a claim shows in domain and host, and counts as free all the same', async (hypervisor) => {
    await withLimit(hypervisor, async (domid) => {
      const before = await hypervisor.physInfo();
      await hypervisor.claimMemory(domid, CLAIM_KIB);
      assert.equal((await find(hypervisor, domid)).outstandingKib, CLAIM_KIB);
      const after = await hypervisor.physInfo();
      assert.equal(after.outstandingMemoryKib - before.outstandingMemoryKib, CLAIM_KIB);
      const takenKib = before.freeMemoryKib - after.freeMemoryKib;
      assert.ok(Math.abs(takenKib) <= REMAINS_KIB, `${takenKib} KiB`);
      await hypervisor.claimMemory(domid, 0);
      assert.equal((await find(hypervisor, domid)).outstandingKib, 0);
    });
  });
  check('a claim ends with its domain', async (hypervisor) => {
    const before = await hypervisor.physInfo();
    await withLimit(hypervisor, async (domid) => {
      await hypervisor.claimMemory(domid, CLAIM_KIB);
    });
    const after = await hypervisor.physInfo();
    assert.equal(after.outstandingMemoryKib, before.outstandingMemoryKib);
  });
  checkIf(options.supports.containers)(
    'memory that comes is taken off a claim',
    async (hypervisor) => {
      await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
        await hypervisor.setMaxMemory(domid, GUEST_KIB);
        await hypervisor.claimMemory(domid, CLAIM_KIB);
        await hypervisor.setPodTarget(domid, POD_KIB);
        assert.equal((await find(hypervisor, domid)).outstandingKib, CLAIM_KIB - POD_KIB);
      });
    },
  );
  check('a build claims its memory itself, and another claim is in its way', async (hypervisor) => {
    await withLimit(hypervisor, async (domid) => {
      await hypervisor.claimMemory(domid, GUEST_KIB);
      const built = (): unknown => build(hypervisor, domid, pvSpec(options.kernel));
      await rejects(built, 'HYPERVISOR_NO_MEMORY');
    });
  });
}

function badClaimCases({ check }: CaseSuite): void {
  check('a domain has one claim at a time', async (hypervisor) => {
    await withLimit(hypervisor, async (domid) => {
      await hypervisor.claimMemory(domid, CLAIM_KIB);
      await rejects(() => hypervisor.claimMemory(domid, CLAIM_KIB), 'HYPERVISOR_BAD_ARGUMENT');
    });
  });
  check('a claim beyond the limit of the domain is refused', async (hypervisor) => {
    await withLimit(hypervisor, async (domid) => {
      const claim = (): unknown => hypervisor.claimMemory(domid, 2 * GUEST_KIB);
      await rejects(claim, 'HYPERVISOR_BAD_ARGUMENT');
    });
  });
  check('a claim beyond what the host has is refused', async (hypervisor) => {
    const { totalMemoryKib } = await hypervisor.physInfo();
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.setMaxMemory(domid, 2 * totalMemoryKib);
      const claim = (): unknown => hypervisor.claimMemory(domid, totalMemoryKib);
      await rejects(claim, 'HYPERVISOR_NO_MEMORY');
      assert.equal((await find(hypervisor, domid)).outstandingKib, 0);
    });
  });
  for (const kib of [-4, 0.5, Number.NaN]) {
    check(`a claim cannot be ${kib} KiB`, async (hypervisor) => {
      await withLimit(hypervisor, async (domid) => {
        await rejects(() => hypervisor.claimMemory(domid, kib), 'HYPERVISOR_BAD_ARGUMENT');
      });
    });
  }
  check('nobody claims for a domain that is not there', async (hypervisor) => {
    // Xen says of it that the argument is bad (XENMEM_claim_pages, xen/common/memory.c).
    const claim = (): unknown => hypervisor.claimMemory(UNUSED, CLAIM_KIB);
    await rejects(claim, 'HYPERVISOR_NO_DOMAIN', 'HYPERVISOR_BAD_ARGUMENT');
  });
}

const POOL_KIB = kibFromMib(8);

function poolCases({ check, checkIf, options }: CaseSuite): void {
  const checkContainer = checkIf(options.supports.containers);
  checkContainer('a container has a paging pool, which can be set', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
      await hypervisor.setPagingPool(domid, POOL_KIB);
      assert.equal(await hypervisor.pagingPoolKib(domid), POOL_KIB);
      await hypervisor.setPagingPool(domid, POOL_KIB / 2);
      assert.equal(await hypervisor.pagingPoolKib(domid), POOL_KIB / 2);
    });
  });
  checkContainer('the paging pool is taken from the host, and comes back', async (hypervisor) => {
    const before = await hypervisor.physInfo();
    await withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
      await hypervisor.setPagingPool(domid, POOL_KIB);
      const { freeMemoryKib } = await hypervisor.physInfo();
      assert.ok(freeMemoryKib <= before.freeMemoryKib - POOL_KIB);
    });
    const after = await hypervisor.physInfo();
    assert.ok(after.freeMemoryKib > before.freeMemoryKib - REMAINS_KIB);
  });
  checkContainer('a paging pool is whole pages', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
      const code = 'HYPERVISOR_BAD_ARGUMENT';
      await rejects(() => hypervisor.setPagingPool(domid, POOL_KIB + 1), code);
      await rejects(() => hypervisor.setPagingPool(domid, -4), code);
    });
  });
  checkContainer('a paging pool keeps the page tables that are in it', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
      await rejects(() => hypervisor.setPagingPool(domid, 0), 'HYPERVISOR_NO_MEMORY');
      assert.ok((await hypervisor.pagingPoolKib(domid)) > 0);
      await hypervisor.setPagingPool(domid, POOL_KIB);
      assert.equal(await hypervisor.pagingPoolKib(domid), POOL_KIB);
    });
  });
  check('a PV domain has no paging pool', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await rejects(() => hypervisor.pagingPoolKib(domid), 'HYPERVISOR_NOT_SUPPORTED');
      await rejects(() => hypervisor.setPagingPool(domid, POOL_KIB), 'HYPERVISOR_NOT_SUPPORTED');
    });
    await rejects(() => hypervisor.pagingPoolKib(UNUSED), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.setPagingPool(UNUSED, POOL_KIB), 'HYPERVISOR_NO_DOMAIN');
  });
}

function podCases({ check, checkIf, options }: CaseSuite): void {
  const checkContainer = checkIf(options.supports.containers);
  checkContainer('an empty container keeps its target in a cache', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
      await hypervisor.setMaxMemory(domid, GUEST_KIB);
      const empty = { totalPages: 0, cachePages: 0, entryPages: 0 };
      assert.deepEqual(await hypervisor.podInfo(domid), empty);
      await hypervisor.setPodTarget(domid, POD_KIB);
      const pages = POD_KIB / 4;
      const filled = { totalPages: pages, cachePages: pages, entryPages: 0 };
      assert.deepEqual(await hypervisor.podInfo(domid), filled);
      assert.equal((await find(hypervisor, domid)).memoryKib, POD_KIB);
    });
  });
  checkContainer('a target beyond the limit of the domain is refused', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
      await hypervisor.setMaxMemory(domid, POD_KIB);
      const set = (): unknown => hypervisor.setPodTarget(domid, POD_KIB + 4);
      await rejects(set, 'HYPERVISOR_BAD_ARGUMENT');
    });
  });
  check('a PV domain is never populated on demand', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await rejects(() => hypervisor.podInfo(domid), 'HYPERVISOR_BAD_ARGUMENT');
      await rejects(() => hypervisor.setPodTarget(domid, POD_KIB), 'HYPERVISOR_BAD_ARGUMENT');
    });
    await rejects(() => hypervisor.podInfo(UNUSED), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.setPodTarget(UNUSED, POD_KIB), 'HYPERVISOR_NO_DOMAIN');
  });
  check('a domain without memory has no frames above the first', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      assert.equal(await hypervisor.highestGuestFrame(domid), 0n);
    });
    await rejects(() => hypervisor.highestGuestFrame(UNUSED), 'HYPERVISOR_NO_DOMAIN');
  });
}
