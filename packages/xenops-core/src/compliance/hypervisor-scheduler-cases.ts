/** Cases about schedulers, the shares of domains, and pools of cpus. */
import assert from 'node:assert/strict';
import { DOM0 } from '../ids.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import { find, rejects, UNUSED, withDomain, type CaseSuite } from './hypervisor-case.ts';

const NO_POOL = 9999;
const NO_CPU = 100_000;

/** All of them. */
export function schedulerCases(suite: CaseSuite): void {
  shareCases(suite);
  poolCases(suite);
  cpuCases(suite);
}

function shareCases({ check }: CaseSuite): void {
  check('a new domain has the usual weight and no cap', async (hypervisor) => {
    const scheduler = await hypervisor.scheduler();
    await withDomain(hypervisor, {}, async (domid) => {
      const usual = { scheduler, weight: 256, capPercent: 0 };
      assert.deepEqual(await hypervisor.schedulerShare(domid), usual);
    });
    await rejects(() => hypervisor.schedulerShare(UNUSED), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.setSchedulerShare(UNUSED, {}), 'HYPERVISOR_NO_DOMAIN');
  });
  check('weight and cap are set together, and each for itself', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const share = async (): Promise<readonly number[]> => {
        const { weight, capPercent } = await hypervisor.schedulerShare(domid);
        return [weight, capPercent];
      };
      await hypervisor.setSchedulerShare(domid, { weight: 512, capPercent: 50 });
      assert.deepEqual(await share(), [512, 50]);
      await hypervisor.setSchedulerShare(domid, { weight: 1 });
      assert.deepEqual(await share(), [1, 50]);
      await hypervisor.setSchedulerShare(domid, { capPercent: 0 });
      assert.deepEqual(await share(), [1, 0]);
    });
  });
  for (const share of [
    { weight: 0 },
    { weight: 65_536 },
    { weight: 1.5 },
    { capPercent: -1 },
    { capPercent: 65_536 },
  ]) {
    check(`a share cannot be ${JSON.stringify(share)}`, async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        const set = (): unknown => hypervisor.setSchedulerShare(domid, share);
        await rejects(set, 'HYPERVISOR_BAD_ARGUMENT');
      });
    });
  }
  check('under credit2 a cap is no more than the vcpus could use', async (hypervisor) => {
    if ((await hypervisor.scheduler()) !== 'credit2') return;
    await withDomain(hypervisor, { maxVcpus: 2 }, async (domid) => {
      await hypervisor.setSchedulerShare(domid, { capPercent: 200 });
      const set = (): unknown => hypervisor.setSchedulerShare(domid, { capPercent: 201 });
      await rejects(set, 'HYPERVISOR_BAD_ARGUMENT');
    });
  });
}

/** Runs `body` with an empty pool, which is destroyed in every case. */
async function withPool(
  hypervisor: Hypervisor,
  body: (cpupoolId: number) => Promise<void>,
): Promise<void> {
  const cpupoolId = await hypervisor.createCpupool('credit');
  try {
    await body(cpupoolId);
  } finally {
    await hypervisor.destroyCpupool(cpupoolId);
  }
}

function poolCases({ check }: CaseSuite): void {
  check('all cpus and domains are in the first pool', async (hypervisor) => {
    const { cpuCount } = await hypervisor.physInfo();
    const [first] = await hypervisor.cpupools();
    assert.equal(first?.cpupoolId, 0);
    assert.equal(first.cpus.length, cpuCount);
    assert.equal(first.scheduler, await hypervisor.scheduler());
    assert.equal(first.domainCount, (await hypervisor.listDomains()).length);
  });
  check('a new pool is empty and has its scheduler', async (hypervisor) => {
    await withPool(hypervisor, async (cpupoolId) => {
      const pool = (await hypervisor.cpupools()).find((info) => info.cpupoolId === cpupoolId);
      assert.deepEqual(pool, { cpupoolId, scheduler: 'credit', domainCount: 0, cpus: [] });
    });
  });
  check('the first pool cannot be destroyed', async (hypervisor) => {
    await rejects(() => hypervisor.destroyCpupool(0), 'HYPERVISOR_BUSY');
  });
  check('a pool that is not there cannot be changed', async (hypervisor) => {
    const code = 'HYPERVISOR_BAD_ARGUMENT';
    await rejects(() => hypervisor.destroyCpupool(NO_POOL), code);
    await rejects(() => hypervisor.addCpuToPool(NO_POOL, 0), code);
    await rejects(() => hypervisor.removeCpuFromPool(NO_POOL, 0), code);
    await withDomain(hypervisor, {}, async (domid) => {
      await rejects(() => hypervisor.moveDomainToPool(domid, NO_POOL), code);
    });
  });
  check('a pool without cpus takes no domain', async (hypervisor) => {
    await withPool(hypervisor, async (cpupoolId) => {
      await withDomain(hypervisor, {}, async (domid) => {
        const move = (): unknown => hypervisor.moveDomainToPool(domid, cpupoolId);
        await rejects(move, 'HYPERVISOR_BAD_ARGUMENT');
        await hypervisor.moveDomainToPool(domid, 0);
        assert.equal((await find(hypervisor, domid)).cpupoolId, 0);
      });
      const unused = (): unknown => hypervisor.moveDomainToPool(UNUSED, 0);
      await rejects(unused, 'HYPERVISOR_NO_DOMAIN');
    });
  });
}

function cpuCases({ check, checkIf, options }: CaseSuite): void {
  const checkMove = checkIf(options.supports.cpuMoves);
  check('the first cpu stays in the first pool', async (hypervisor) => {
    await rejects(() => hypervisor.removeCpuFromPool(0, 0), 'HYPERVISOR_BAD_ARGUMENT');
  });
  check('a cpu that is not there is in no pool', async (hypervisor) => {
    await rejects(() => hypervisor.addCpuToPool(0, NO_CPU), 'HYPERVISOR_BAD_ARGUMENT');
    await rejects(() => hypervisor.removeCpuFromPool(0, NO_CPU), 'HYPERVISOR_BAD_ARGUMENT');
  });
  check('a cpu is in one pool', async (hypervisor) => {
    await withPool(hypervisor, async (cpupoolId) => {
      const add = (): unknown => hypervisor.addCpuToPool(cpupoolId, 0);
      await rejects(add, 'HYPERVISOR_CALL_FAILED');
    });
  });
  checkMove('a cpu moves to another pool and takes domains with it', async (hypervisor) => {
    const { cpuCount } = await hypervisor.physInfo();
    if (cpuCount < 2) return;
    await withPool(hypervisor, async (cpupoolId) => {
      const cpu = cpuCount - 1;
      await hypervisor.removeCpuFromPool(0, cpu);
      try {
        await hypervisor.addCpuToPool(cpupoolId, cpu);
        await withDomain(hypervisor, {}, async (domid) => {
          await hypervisor.moveDomainToPool(domid, cpupoolId);
          assert.equal((await find(hypervisor, domid)).cpupoolId, cpupoolId);
          assert.equal((await hypervisor.schedulerShare(domid)).scheduler, 'credit');
          const remove = (): unknown => hypervisor.removeCpuFromPool(cpupoolId, cpu);
          await rejects(remove, 'HYPERVISOR_BUSY');
        });
        await hypervisor.removeCpuFromPool(cpupoolId, cpu);
      } finally {
        await hypervisor.addCpuToPool(0, cpu);
      }
    });
    assert.ok((await hypervisor.schedulerShare(DOM0)).weight > 0);
  });
}
