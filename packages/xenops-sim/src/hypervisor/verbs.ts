/**
 * All verbs of the hypervisor, once. What forwards calls (a handle, the socket, faults) is made from this table, and the compiler
 * checks that it is the interface's.
 */
import type { Hypervisor } from '@xenops/core/hypervisor';
import type { StreamVerbs } from './save-restore-verbs.ts';

/** `long` verbs take `LongCallOptions` last; `local` ones work only in the process of the model. */
export type VerbKind = 'short' | 'long' | 'local';

/** What a model answers: the interface of real hosts, and streams without descriptors. */
export type HypervisorVerbs = Omit<Hypervisor, typeof Symbol.asyncDispose> & StreamVerbs;

export type Verb = keyof HypervisorVerbs;

export const VERBS: Readonly<Record<Verb, VerbKind>> = {
  version: 'short',
  physInfo: 'short',
  pcpuInfo: 'short',
  consoleRing: 'short',
  listDomains: 'short',
  findDomain: 'short',
  createDomain: 'short',
  setHandle: 'short',
  setMaxMemory: 'short',
  allocUnboundEvtchn: 'short',
  buildDomain: 'long',
  pause: 'short',
  unpause: 'short',
  shutdown: 'short',
  destroy: 'long',
  resume: 'short',
  softReset: 'short',
  sendTrigger: 'short',
  hvmParam: 'short',
  setHvmParam: 'short',
  tscInfo: 'short',
  setTscMode: 'short',
  setTimeOffset: 'short',
  setDebugging: 'short',
  setTarget: 'short',
  dumpCore: 'long',
  pagingPoolKib: 'short',
  setPagingPool: 'short',
  claimMemory: 'short',
  podInfo: 'short',
  setPodTarget: 'short',
  highestGuestFrame: 'short',
  vcpuInfo: 'short',
  vcpuAffinity: 'short',
  setVcpuAffinity: 'short',
  nodeAffinity: 'short',
  setNodeAffinity: 'short',
  applyCpuPolicy: 'short',
  setIoportPermission: 'short',
  setIoportMapping: 'short',
  setIomemPermission: 'short',
  setIomemMapping: 'short',
  mapPirq: 'short',
  unmapPirq: 'short',
  setIrqPermission: 'short',
  isPciAssignable: 'short',
  assignPci: 'short',
  deassignPci: 'short',
  pciGroup: 'short',
  cpuTopology: 'short',
  numaNodes: 'short',
  clearConsoleRing: 'short',
  sendDebugKeys: 'short',
  watchdog: 'short',
  scheduler: 'short',
  schedulerShare: 'short',
  setSchedulerShare: 'short',
  cpupools: 'short',
  createCpupool: 'short',
  destroyCpupool: 'short',
  addCpuToPool: 'short',
  removeCpuFromPool: 'short',
  moveDomainToPool: 'short',
  flaskEnforcing: 'short',
  setFlaskEnforcing: 'short',
  flaskSid: 'short',
  flaskLabel: 'short',
  openRings: 'local',
  saveTo: 'long',
  restoreFrom: 'long',
  saveDomain: 'local',
  restoreDomain: 'local',
};

/** A verb as one calls it who knows its arguments only at run time. */
export type AnyVerb = (...args: readonly unknown[]) => unknown;

export const isVerb = (name: string): name is Verb => Object.hasOwn(VERBS, name);

/** All verbs, each made by `make`, which must answer as the interface says for that verb. */
export function makeVerbs(make: (verb: Verb) => AnyVerb): HypervisorVerbs {
  const verbs = Object.keys(VERBS)
    .filter(isVerb)
    .map((verb) => [verb, make(verb)] as const);
  // The table has just given a function for each key.
  return Object.fromEntries(verbs) as unknown as HypervisorVerbs;
}

/** The verb of an implementation, to be called with arguments known only at run time. */
export function anyVerb(verbs: HypervisorVerbs, verb: Verb): AnyVerb {
  // Arguments come from a caller of the same interface.
  return (...args) => (verbs as unknown as Readonly<Record<Verb, AnyVerb>>)[verb](...args);
}
