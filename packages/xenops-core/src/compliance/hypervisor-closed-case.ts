/** The case that every verb has: after disposal it fails with HYPERVISOR_UNAVAILABLE. */
import { DOM0, randomVmUuid } from '../ids.ts';
import type { Hypervisor, RestoreSpec } from '../hypervisor/hypervisor.ts';
import {
  GUEST_KIB,
  pvSpec,
  rejects,
  specOf,
  UNUSED,
  type HypervisorSuiteOptions,
  type SuiteKernel,
} from './hypervisor-case.ts';

type VerbName = Exclude<keyof Hypervisor, typeof Symbol.asyncDispose>;

/** Closes a connection, twice, and calls every verb of it. */
export async function assertClosed({ open, kernel }: HypervisorSuiteOptions): Promise<void> {
  const hypervisor = await open();
  await hypervisor[Symbol.asyncDispose]();
  await hypervisor[Symbol.asyncDispose]();
  for (const verb of Object.values(callsOf(hypervisor, kernel))) {
    await rejects(verb, 'HYPERVISOR_UNAVAILABLE');
  }
}

const PCI = { domain: 0, bus: 0, slot: 0, fn: 0 };

/** A call of each verb; the compiler sees that none is missing. */
function callsOf(
  hypervisor: Hypervisor,
  kernel: SuiteKernel,
): Readonly<Record<VerbName, () => unknown>> {
  const restore: RestoreSpec = { ...pvSpec(kernel), fd: 0, guestType: 'pv' };
  return {
    version: () => hypervisor.version(),
    physInfo: () => hypervisor.physInfo(),
    pcpuInfo: () => hypervisor.pcpuInfo(),
    consoleRing: () => hypervisor.consoleRing(),
    listDomains: () => hypervisor.listDomains(),
    findDomain: () => hypervisor.findDomain(DOM0),
    createDomain: () => hypervisor.createDomain(specOf({})),
    setHandle: () => hypervisor.setHandle(UNUSED, randomVmUuid()),
    setMaxMemory: () => hypervisor.setMaxMemory(UNUSED, GUEST_KIB),
    allocUnboundEvtchn: () => hypervisor.allocUnboundEvtchn(UNUSED, DOM0),
    buildDomain: () => hypervisor.buildDomain(UNUSED, pvSpec(kernel)),
    pause: () => hypervisor.pause(UNUSED),
    unpause: () => hypervisor.unpause(UNUSED),
    shutdown: () => hypervisor.shutdown(UNUSED, 'poweroff'),
    destroy: () => hypervisor.destroy(UNUSED),
    resume: () => hypervisor.resume(UNUSED, { cooperative: true }),
    softReset: () => hypervisor.softReset(UNUSED),
    sendTrigger: () => hypervisor.sendTrigger(UNUSED, 'power'),
    hvmParam: () => hypervisor.hvmParam(UNUSED, 'store-pfn'),
    setHvmParam: () => hypervisor.setHvmParam(UNUSED, 'store-pfn', 0n),
    tscInfo: () => hypervisor.tscInfo(UNUSED),
    setTscMode: () => hypervisor.setTscMode(UNUSED, 'default'),
    setTimeOffset: () => hypervisor.setTimeOffset(UNUSED, 0),
    setDebugging: () => hypervisor.setDebugging(UNUSED, true),
    setTarget: () => hypervisor.setTarget(UNUSED, UNUSED),
    dumpCore: () => hypervisor.dumpCore(UNUSED, '/nowhere/core'),
    pagingPoolKib: () => hypervisor.pagingPoolKib(UNUSED),
    setPagingPool: () => hypervisor.setPagingPool(UNUSED, GUEST_KIB),
    claimMemory: () => hypervisor.claimMemory(UNUSED, GUEST_KIB),
    podInfo: () => hypervisor.podInfo(UNUSED),
    setPodTarget: () => hypervisor.setPodTarget(UNUSED, GUEST_KIB),
    highestGuestFrame: () => hypervisor.highestGuestFrame(UNUSED),
    vcpuInfo: () => hypervisor.vcpuInfo(UNUSED, 0),
    vcpuAffinity: () => hypervisor.vcpuAffinity(UNUSED, 0),
    setVcpuAffinity: () => hypervisor.setVcpuAffinity(UNUSED, 0, { hard: [0] }),
    nodeAffinity: () => hypervisor.nodeAffinity(UNUSED),
    setNodeAffinity: () => hypervisor.setNodeAffinity(UNUSED, [0]),
    applyCpuPolicy: () => hypervisor.applyCpuPolicy(UNUSED, {}),
    setIoportPermission: () =>
      hypervisor.setIoportPermission(UNUSED, { firstPort: 1, count: 1 }, true),
    setIoportMapping: () =>
      hypervisor.setIoportMapping(UNUSED, { guestPort: 1, machinePort: 1, count: 1 }, true),
    setIomemPermission: () =>
      hypervisor.setIomemPermission(UNUSED, { firstFrame: 1n, count: 1 }, true),
    setIomemMapping: () =>
      hypervisor.setIomemMapping(UNUSED, { guestFrame: 1n, machineFrame: 1n, count: 1 }, true),
    mapPirq: () => hypervisor.mapPirq(UNUSED, 1),
    unmapPirq: () => hypervisor.unmapPirq(UNUSED, 1),
    setIrqPermission: () => hypervisor.setIrqPermission(UNUSED, 1, true),
    isPciAssignable: () => hypervisor.isPciAssignable(PCI),
    assignPci: () => hypervisor.assignPci(UNUSED, PCI),
    deassignPci: () => hypervisor.deassignPci(UNUSED, PCI),
    pciGroup: () => hypervisor.pciGroup(UNUSED, PCI),
    cpuTopology: () => hypervisor.cpuTopology(),
    numaNodes: () => hypervisor.numaNodes(),
    clearConsoleRing: () => hypervisor.clearConsoleRing(),
    sendDebugKeys: () => hypervisor.sendDebugKeys('h'),
    watchdog: () => hypervisor.watchdog(99, 1),
    scheduler: () => hypervisor.scheduler(),
    schedulerShare: () => hypervisor.schedulerShare(UNUSED),
    setSchedulerShare: () => hypervisor.setSchedulerShare(UNUSED, { weight: 1 }),
    cpupools: () => hypervisor.cpupools(),
    createCpupool: () => hypervisor.createCpupool('credit'),
    destroyCpupool: () => hypervisor.destroyCpupool(1),
    addCpuToPool: () => hypervisor.addCpuToPool(1, 1),
    removeCpuFromPool: () => hypervisor.removeCpuFromPool(1, 1),
    moveDomainToPool: () => hypervisor.moveDomainToPool(UNUSED, 0),
    flaskEnforcing: () => hypervisor.flaskEnforcing(),
    setFlaskEnforcing: () => hypervisor.setFlaskEnforcing(false),
    flaskSid: () => hypervisor.flaskSid('label'),
    flaskLabel: () => hypervisor.flaskLabel(1),
    openRings: () => hypervisor.openRings(),
    saveDomain: () => hypervisor.saveDomain(UNUSED, { fd: 0, suspend: async () => undefined }),
    restoreDomain: () => hypervisor.restoreDomain(UNUSED, restore),
  };
}
