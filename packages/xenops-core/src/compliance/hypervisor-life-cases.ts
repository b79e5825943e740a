/** Cases about the life of a domain: list, create, change, run, destroy. */
import assert from 'node:assert/strict';
import { DOM0, domid as parseDomid, randomVmUuid } from '../ids.ts';
import { SHUTDOWN_REASONS, type GuestType } from '../hypervisor/hypervisor.ts';
import {
  domidOf,
  find,
  GUEST_KIB,
  pvSpec,
  rejects,
  specOf,
  UNUSED,
  withDomain,
  type CaseSuite,
} from './hypervisor-case.ts';

/** All of them. */
export function lifeCases(suite: CaseSuite): void {
  listCases(suite);
  createCases(suite);
  changeCases(suite);
  runCases(suite);
  destroyCases(suite);
}

function listCases({ check }: CaseSuite): void {
  check('the list begins with Dom0 and rises', async (hypervisor) => {
    await withDomain(hypervisor, {}, async () => {
      const domids = (await hypervisor.listDomains()).map(domidOf);
      assert.equal(domids[0], DOM0);
      assert.deepEqual(
        domids,
        domids.toSorted((a, b) => a - b),
      );
    });
  });
  check('Dom0 is alive and has memory and vcpus', async (hypervisor) => {
    const dom0 = await find(hypervisor, DOM0);
    assert.ok(!dom0.dying && !dom0.shutdown && !dom0.paused);
    assert.equal('shutdownReason' in dom0, false);
    assert.ok(dom0.memoryKib > 0 && dom0.maxMemoryKib >= dom0.memoryKib);
    assert.ok(dom0.onlineVcpuCount >= 1 && dom0.cpuTimeNs > 0n);
  });
  check('a domain is the same looked up and listed', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const listed = (await hypervisor.listDomains()).find((info) => info.domid === domid);
      assert.deepEqual(await hypervisor.findDomain(domid), listed);
    });
  });
  check('looking up a domid that is not there finds none, not the next one', async (hypervisor) => {
    assert.equal(await hypervisor.findDomain(UNUSED), undefined);
    await withDomain(hypervisor, { domid: parseDomid(3001) }, async () => {
      assert.equal(await hypervisor.findDomain(parseDomid(3000)), undefined);
    });
  });
}

function createCases({ check, checkIf, options }: CaseSuite): void {
  check('a new domain is empty, paused once, and has its vcpus and uuid', async (hypervisor) => {
    const uuid = randomVmUuid();
    await withDomain(hypervisor, { uuid, maxVcpus: 3 }, async (domid) => {
      const info = await find(hypervisor, domid);
      assert.equal(info.uuid, uuid);
      assert.equal(info.guestType, 'pv');
      assert.equal(info.maxVcpuId, 2);
      assert.equal(info.memoryKib, 0);
      assert.equal(info.outstandingKib, 0);
      assert.ok(info.paused && !info.running && !info.shutdown && !info.dying);
    });
  });
  for (const guestType of ['pvh', 'hvm'] as const satisfies readonly GuestType[]) {
    checkIf(options.supports.containers)(
      `a domain created as ${guestType} is listed so`,
      async (hypervisor) => {
        await withDomain(hypervisor, { guestType }, async (domid) => {
          assert.equal((await find(hypervisor, domid)).guestType, guestType);
        });
      },
    );
  }
  check('a domid that is asked for is given, once', async (hypervisor) => {
    const wanted = parseDomid(4321);
    await withDomain(hypervisor, { domid: wanted }, async (domid) => {
      assert.equal(domid, wanted);
      await rejects(() => hypervisor.createDomain(specOf({ domid: wanted })), 'HYPERVISOR_EXISTS');
      await rejects(
        () => hypervisor.createDomain(specOf({ domid: DOM0 })),
        'HYPERVISOR_BAD_ARGUMENT',
      );
    });
  });
  for (const maxVcpus of [0, 1.5, -1, Number.NaN, 100_000, 2 ** 32 + 1]) {
    check(`a domain cannot have ${maxVcpus} vcpus`, async (hypervisor) => {
      await rejects(() => hypervisor.createDomain(specOf({ maxVcpus })), 'HYPERVISOR_BAD_ARGUMENT');
    });
  }
}

function changeCases({ check }: CaseSuite): void {
  check('a domain can be given another uuid', async (hypervisor) => {
    const uuid = randomVmUuid();
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.setHandle(domid, uuid);
      assert.equal((await find(hypervisor, domid)).uuid, uuid);
    });
    await rejects(() => hypervisor.setHandle(UNUSED, uuid), 'HYPERVISOR_NO_DOMAIN');
  });
  check('the memory limit is set in whole pages, downwards', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.setMaxMemory(domid, GUEST_KIB + 3);
      const info = await find(hypervisor, domid);
      assert.equal(info.maxMemoryKib, GUEST_KIB);
      assert.equal(info.memoryKib, 0);
    });
    await rejects(() => hypervisor.setMaxMemory(UNUSED, GUEST_KIB), 'HYPERVISOR_NO_DOMAIN');
  });
  for (const kib of [-1, 0.5, Number.NaN, 2 ** 60]) {
    check(`a memory limit cannot be ${kib} KiB`, async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        await rejects(() => hypervisor.setMaxMemory(domid, kib), 'HYPERVISOR_BAD_ARGUMENT');
      });
    });
  }
  check(
    'event channels are ports of their own, as many as the domain may have',
    async (hypervisor) => {
      await withDomain(hypervisor, { maxEvtchnPort: 3 }, async (domid) => {
        const alloc = async (): Promise<number> => hypervisor.allocUnboundEvtchn(domid, DOM0);
        assert.deepEqual([await alloc(), await alloc(), await alloc()], [1, 2, 3]);
        const error = await rejects(alloc, 'HYPERVISOR_CALL_FAILED');
        assert.equal(error.context['call'], 'xc_evtchn_alloc_unbound');
      });
      await rejects(() => hypervisor.allocUnboundEvtchn(UNUSED, DOM0), 'HYPERVISOR_NO_DOMAIN');
    },
  );
}

function runCases({ check, options }: CaseSuite): void {
  check('pauses are counted', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const isPaused = async (): Promise<boolean> => (await find(hypervisor, domid)).paused;
      await hypervisor.pause(domid);
      await hypervisor.unpause(domid);
      assert.equal(await isPaused(), true);
      await hypervisor.unpause(domid);
      assert.equal(await isPaused(), false);
      await rejects(() => hypervisor.unpause(domid), 'HYPERVISOR_BAD_ARGUMENT');
      await hypervisor.pause(domid);
      assert.equal(await isPaused(), true);
    });
  });
  for (const reason of SHUTDOWN_REASONS) {
    check(`a domain that is shut down for ${reason} says so`, async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        await hypervisor.shutdown(domid, reason);
        const info = await find(hypervisor, domid);
        assert.equal(info.shutdown, true);
        assert.equal(info.shutdownReason, reason);
      });
    });
  }
  check('the first reason to shut down stays', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.shutdown(domid, 'crash');
      await hypervisor.shutdown(domid, 'reboot');
      assert.equal((await find(hypervisor, domid)).shutdownReason, 'crash');
    });
  });
  check(
    'a domain that is not there cannot be paused, unpaused or shut down',
    async (hypervisor) => {
      const code = 'HYPERVISOR_NO_DOMAIN';
      const error = await rejects(() => hypervisor.pause(UNUSED), code);
      assert.equal(error.context['domid'], UNUSED);
      assert.equal(error.context['call'], 'xc_domain_pause');
      assert.equal(typeof error.context['errno'], 'number');
      await rejects(() => hypervisor.unpause(UNUSED), code);
      await rejects(() => hypervisor.shutdown(UNUSED, 'poweroff'), code);
    },
  );
  check('Dom0 cannot be paused, unpaused, shut down, built or destroyed', async (hypervisor) => {
    const code = 'HYPERVISOR_BAD_ARGUMENT';
    await rejects(() => hypervisor.pause(DOM0), code);
    await rejects(() => hypervisor.unpause(DOM0), code);
    await rejects(() => hypervisor.shutdown(DOM0, 'poweroff'), code);
    await rejects(() => hypervisor.destroy(DOM0), code);
    await rejects(() => hypervisor.buildDomain(DOM0, pvSpec(options.kernel)), code);
  });
}

function destroyCases({ check }: CaseSuite): void {
  check('a destroyed domain is gone and cannot be destroyed again', async (hypervisor) => {
    const domid = await hypervisor.createDomain(specOf({}));
    await hypervisor.destroy(domid);
    assert.equal(await hypervisor.findDomain(domid), undefined);
    await rejects(() => hypervisor.destroy(domid), 'HYPERVISOR_NO_DOMAIN');
  });
  check('destroying with an aborted signal leaves the domain', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await rejects(() => hypervisor.destroy(domid, { signal: AbortSignal.abort() }), 'ABORTED');
      assert.notEqual(await hypervisor.findDomain(domid), undefined);
    });
  });
}
