/** Cases about vcpus: what they do, where they may run, what processor they see. */
import assert from 'node:assert/strict';
import { DOM0 } from '../ids.ts';
import type { CpuidLeaf } from '../hypervisor/hypervisor.ts';
import { find, rejects, UNUSED, withDomain, withGuest, type CaseSuite } from './hypervisor-case.ts';

/** No machine has so many. */
const NO_CPU = 100_000;

/** All of them. */
export function vcpuCases(suite: CaseSuite): void {
  infoCases(suite);
  affinityCases(suite);
  nodeCases(suite);
  policyCases(suite);
}

function infoCases({ check, options }: CaseSuite): void {
  check('vcpus of a new domain are there and offline', async (hypervisor) => {
    await withDomain(hypervisor, { maxVcpus: 2 }, async (domid) => {
      for (const vcpu of [0, 1]) {
        const info = await hypervisor.vcpuInfo(domid, vcpu);
        assert.equal(info.vcpu, vcpu);
        assert.deepEqual([info.online, info.running, info.cpuTimeNs], [false, false, 0n]);
      }
    });
  });
  check('the first vcpu of a built guest is online', async (hypervisor) => {
    await withGuest(hypervisor, options.kernel, async (domid) => {
      const { cpuCount } = await hypervisor.physInfo();
      const { online, running, cpu } = await hypervisor.vcpuInfo(domid, 0);
      assert.deepEqual([online, running], [true, false]);
      assert.ok(cpu < cpuCount);
      assert.equal((await find(hypervisor, domid)).onlineVcpuCount, 1);
    });
  });
  check('Dom0 has used its vcpus', async (hypervisor) => {
    const { online, cpuTimeNs } = await hypervisor.vcpuInfo(DOM0, 0);
    assert.ok(online && cpuTimeNs > 0n);
  });
  check('a vcpu that is not there has no information', async (hypervisor) => {
    await withDomain(hypervisor, { maxVcpus: 2 }, async (domid) => {
      // Releases of Xen differ in the error number.
      const codes = ['HYPERVISOR_NO_DOMAIN', 'HYPERVISOR_BAD_ARGUMENT'] as const;
      await rejects(() => hypervisor.vcpuInfo(domid, 2), ...codes, 'HYPERVISOR_CALL_FAILED');
    });
    await rejects(() => hypervisor.vcpuInfo(UNUSED, 0), 'HYPERVISOR_NO_DOMAIN');
  });
}

function affinityCases({ check }: CaseSuite): void {
  check('a vcpu may run everywhere until it is told otherwise', async (hypervisor) => {
    const { cpuCount } = await hypervisor.physInfo();
    await withDomain(hypervisor, {}, async (domid) => {
      const { hard, soft } = await hypervisor.vcpuAffinity(domid, 0);
      for (let cpu = 0; cpu < cpuCount; cpu += 1)
        assert.ok(hard.includes(cpu) && soft.includes(cpu));
    });
  });
  check('a vcpu can be bound to a cpu, others are not', async (hypervisor) => {
    await withDomain(hypervisor, { maxVcpus: 2 }, async (domid) => {
      const before = await hypervisor.vcpuAffinity(domid, 1);
      const effective = await hypervisor.setVcpuAffinity(domid, 0, { hard: [0] });
      assert.deepEqual(effective.hard, [0]);
      assert.deepEqual((await hypervisor.vcpuAffinity(domid, 0)).hard, [0]);
      assert.deepEqual(await hypervisor.vcpuAffinity(domid, 1), before);
    });
  });
  check('a wish goes no further than the rule', async (hypervisor) => {
    const { cpuCount } = await hypervisor.physInfo();
    const all = [...Array(cpuCount).keys()];
    await withDomain(hypervisor, {}, async (domid) => {
      const effective = await hypervisor.setVcpuAffinity(domid, 0, { hard: [0], soft: all });
      assert.deepEqual(effective, { hard: [0], soft: [0] });
      assert.deepEqual((await hypervisor.vcpuAffinity(domid, 0)).soft, all);
    });
  });
  check('a vcpu must have a cpu to run on', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const code = 'HYPERVISOR_BAD_ARGUMENT';
      await rejects(() => hypervisor.setVcpuAffinity(domid, 0, { hard: [] }), code);
      assert.ok((await hypervisor.vcpuAffinity(domid, 0)).hard.length > 0);
    });
  });
  check('affinity is that of a vcpu that is there', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const code = 'HYPERVISOR_BAD_ARGUMENT';
      await rejects(() => hypervisor.vcpuAffinity(domid, 1), code);
      await rejects(() => hypervisor.setVcpuAffinity(domid, 1, { hard: [0] }), code);
    });
    await rejects(() => hypervisor.vcpuAffinity(UNUSED, 0), 'HYPERVISOR_NO_DOMAIN');
    const set = (): unknown => hypervisor.setVcpuAffinity(UNUSED, 0, { hard: [0] });
    await rejects(set, 'HYPERVISOR_NO_DOMAIN');
  });
}

function nodeCases({ check }: CaseSuite): void {
  check('a domain takes memory from the nodes of its vcpus, or those named', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      assert.ok((await hypervisor.nodeAffinity(domid)).includes(0));
      await hypervisor.setNodeAffinity(domid, [0]);
      assert.deepEqual(await hypervisor.nodeAffinity(domid), [0]);
    });
    await rejects(() => hypervisor.nodeAffinity(UNUSED), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.setNodeAffinity(UNUSED, [0]), 'HYPERVISOR_NO_DOMAIN');
  });
  for (const nodes of [[], [NO_CPU]]) {
    check(`memory cannot come from the nodes [${nodes.join()}]`, async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        await rejects(() => hypervisor.setNodeAffinity(domid, nodes), 'HYPERVISOR_BAD_ARGUMENT');
      });
    });
  }
}

const KEEP = 'x'.repeat(32);

function policyCases({ check }: CaseSuite): void {
  check('a processor is chosen before the domain has run, not after', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.applyCpuPolicy(domid, {});
      await hypervisor.applyCpuPolicy(domid, { leaves: [{ leaf: 1, ecx: KEEP, edx: KEEP }] });
      await hypervisor.unpause(domid);
      await rejects(() => hypervisor.applyCpuPolicy(domid, {}), 'HYPERVISOR_EXISTS');
    });
    await rejects(() => hypervisor.applyCpuPolicy(UNUSED, {}), 'HYPERVISOR_NO_DOMAIN');
  });
  const bad: readonly CpuidLeaf[] = [
    { leaf: 1, eax: 'x'.repeat(31) },
    { leaf: 1, ebx: `${'x'.repeat(31)}?` },
  ];
  for (const leaf of bad) {
    check(`a processor cannot have ${JSON.stringify(leaf)}`, async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        const apply = (): unknown => hypervisor.applyCpuPolicy(domid, { leaves: [leaf] });
        await rejects(apply, 'HYPERVISOR_BAD_ARGUMENT');
      });
    });
  }
}
