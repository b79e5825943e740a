/** Cases about what a back-end needs: event channels, grants, foreign memory. */
import assert from 'node:assert/strict';
import { DOM0, evtchn, type Domid } from '../ids.ts';
import type { Hypervisor, RingAccess } from '../hypervisor/hypervisor.ts';
import {
  build,
  pvSpec,
  rejects,
  UNUSED,
  withDomain,
  type CaseSuite,
  type Check,
} from './hypervisor-case.ts';

/** Reserved grant reference of the xenstore ring (GNTTAB_RESERVED_XENSTORE, xen/include/public/grant_table.h). */
const STORE_GRANT = 1;
const PAGE_BYTES = 4096;
/** No guest of these cases has granted it. */
const NO_GRANT = 31;

/** All of them. */
export function ringCases(suite: CaseSuite): void {
  const { check, options } = suite;
  const { rings } = options.supports;
  if (rings !== true) {
    check('rings are not supported', async (hypervisor) => {
      await rejects(() => hypervisor.openRings(), 'HYPERVISOR_NOT_SUPPORTED');
    });
  }
  const checkRings = suite.checkIf(rings);
  memoryCases(checkRings, suite);
  badMemoryCases(checkRings);
  channelCases(checkRings);
  badChannelCases(checkRings);
}

/** Runs `body` with a back-end's access, released in every case. */
async function withRings(
  hypervisor: Hypervisor,
  body: (rings: RingAccess) => Promise<void>,
): Promise<void> {
  await using rings = await hypervisor.openRings();
  await body(rings);
}

function memoryCases(check: Check, { options }: CaseSuite): void {
  check('a page is the same by its frame and by its grant', async (hypervisor) => {
    await withRings(hypervisor, async (rings) =>
      withDomain(hypervisor, {}, async (domid) => {
        const { storeFrame } = await build(hypervisor, domid, pvSpec(options.kernel));
        using byFrame = await rings.mapFrames(domid, [storeFrame], { writable: true });
        using byGrant = await rings.mapGrants(domid, [STORE_GRANT], { writable: true });
        assert.equal(byFrame.bytes.length, PAGE_BYTES);
        byFrame.bytes.set([1, 2, 3], 100);
        assert.deepEqual([...byGrant.bytes.subarray(100, 103)], [1, 2, 3]);
      }),
    );
  });
  check('released memory is gone', async (hypervisor) => {
    await withRings(hypervisor, async (rings) =>
      withDomain(hypervisor, {}, async (domid) => {
        const { storeFrame } = await build(hypervisor, domid, pvSpec(options.kernel));
        const mapped = await rings.mapFrames(domid, [storeFrame]);
        mapped[Symbol.dispose]();
        mapped[Symbol.dispose]();
        assert.equal(mapped.bytes.length, 0);
      }),
    );
  });
  check('a domain whose pages are mapped lingers until they are released', async (hypervisor) => {
    await withRings(hypervisor, async (rings) => {
      let domid: Domid = UNUSED;
      let mapped: Disposable | undefined;
      await withDomain(hypervisor, {}, async (created) => {
        domid = created;
        const { storeFrame } = await build(hypervisor, domid, pvSpec(options.kernel));
        mapped = await rings.mapFrames(domid, [storeFrame]);
      });
      assert.equal((await hypervisor.findDomain(domid))?.dying, true);
      await hypervisor.destroy(domid);
      mapped?.[Symbol.dispose]();
      assert.equal(await hypervisor.findDomain(domid), undefined);
    });
  });
}

function badMemoryCases(check: Check): void {
  check('memory that is not there is not mapped', async (hypervisor) => {
    await withRings(hypervisor, async (rings) => {
      await withDomain(hypervisor, { guestType: 'pv' }, async (domid) => {
        const code = 'HYPERVISOR_BAD_ARGUMENT';
        await rejects(() => rings.mapFrames(domid, [0xff_ffff_ffffn]), code);
        await rejects(() => rings.mapGrants(domid, [NO_GRANT]), code);
      });
      await rejects(() => rings.mapFrames(UNUSED, [1n]), ...NOBODY);
      await rejects(() => rings.mapGrants(UNUSED, [NO_GRANT]), ...NOBODY);
    });
  });
  check('after disposal nothing is mapped and no channel opened', async (hypervisor) => {
    const rings = await hypervisor.openRings();
    await rings[Symbol.asyncDispose]();
    const code = 'HYPERVISOR_UNAVAILABLE';
    await rejects(() => rings.mapFrames(DOM0, [1n]), code);
    await rejects(() => rings.mapGrants(DOM0, [1]), code);
    await rejects(() => rings.openEventChannels(), code);
  });
}

/** What the kernel makes of a domain that is not there. */
const NOBODY = ['HYPERVISOR_NO_DOMAIN', 'HYPERVISOR_BAD_ARGUMENT'] as const;

function channelCases(check: Check): void {
  check('a bound port is notified once in the beginning', async (hypervisor) => {
    await withRings(hypervisor, async (rings) =>
      withDomain(hypervisor, {}, async (domid) => {
        const channels = await rings.openEventChannels();
        const theirs = await hypervisor.allocUnboundEvtchn(domid, DOM0);
        const port = await channels.bindInterdomain(domid, theirs);
        await channels.wait(port);
        await channels.notify(port);
        await channels.unbind(port);
      }),
    );
  });
  check('waiting ends when it is called off', async (hypervisor) => {
    await withRings(hypervisor, async (rings) =>
      withDomain(hypervisor, {}, async (domid) => {
        const channels = await rings.openEventChannels();
        const port = await channels.bindUnbound(domid);
        const controller = new AbortController();
        const waiting = channels.wait(port, { signal: controller.signal });
        controller.abort();
        await rejects(() => waiting, 'ABORTED');
        const aborted = { signal: AbortSignal.abort() };
        await rejects(() => channels.wait(port, aborted), 'ABORTED');
      }),
    );
  });
  check('waiting ends when the port is unbound, or the access closed', async (hypervisor) => {
    await withRings(hypervisor, async (rings) =>
      withDomain(hypervisor, {}, async (domid) => {
        const channels = await rings.openEventChannels();
        const [one, other] = [await channels.bindUnbound(domid), await channels.bindUnbound(domid)];
        const waiting = [channels.wait(one), channels.wait(other)];
        const ended = waiting.map((wait) => rejects(() => wait, 'HYPERVISOR_UNAVAILABLE'));
        await channels.unbind(one);
        await channels[Symbol.asyncDispose]();
        await Promise.all(ended);
      }),
    );
  });
}

function badChannelCases(check: Check): void {
  check('only a port that waits for us can be bound, once', async (hypervisor) => {
    await withRings(hypervisor, async (rings) =>
      withDomain(hypervisor, {}, async (domid) => {
        const channels = await rings.openEventChannels();
        const code = 'HYPERVISOR_BAD_ARGUMENT';
        await rejects(() => channels.bindInterdomain(domid, evtchn(200)), code);
        const forOther = await hypervisor.allocUnboundEvtchn(domid, domid);
        await rejects(() => channels.bindInterdomain(domid, forOther), code);
        const ours = await hypervisor.allocUnboundEvtchn(domid, DOM0);
        await channels.bindInterdomain(domid, ours);
        await rejects(() => channels.bindInterdomain(domid, ours), code);
        const unused = (): unknown => channels.bindInterdomain(UNUSED, evtchn(1));
        await rejects(unused, 'HYPERVISOR_NO_DOMAIN');
      }),
    );
  });
  check('a port that is not bound here cannot be used', async (hypervisor) => {
    await withRings(hypervisor, async (rings) => {
      const channels = await rings.openEventChannels();
      const port = evtchn(1000);
      await rejects(() => channels.notify(port), 'HYPERVISOR_BAD_ARGUMENT');
      await rejects(() => channels.unbind(port), ...UNBOUND);
      await rejects(() => channels.wait(port), 'HYPERVISOR_BAD_ARGUMENT');
    });
  });
}

const UNBOUND = ['HYPERVISOR_BAD_ARGUMENT', 'HYPERVISOR_CALL_FAILED'] as const;
