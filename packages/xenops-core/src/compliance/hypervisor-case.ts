/** What the cases of the hypervisor suite share: a domain of their own, a guest in it, and expected errors. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hasCode, type ErrorCode, type XenopsError } from '../errors.ts';
import {
  DOM0,
  domid as parseDomid,
  DOMID_FIRST_RESERVED,
  evtchn,
  randomVmUuid,
  type Domid,
} from '../ids.ts';
import type {
  Awaitable,
  BuildResult,
  BuildSpec,
  DomainCreateSpec,
  DomainInfo,
  Hypervisor,
  LongCallOptions,
  PciAddress,
  PvBuildSpec,
} from '../hypervisor/hypervisor.ts';
import { kibFromMib } from '../units.ts';
import type { XenStore } from '../xenstore/xenstore.ts';

/** The `test` of jest or of node:test. */
export interface SuiteTest {
  (name: string, body: () => Promise<void>): unknown;
  skip(name: string, body: () => Promise<void>): unknown;
}

/** What an implementation or a host may be unable to do: a text is the reason why not, which the report shows. */
export interface HypervisorTraits {
  /** Guests in a hardware container (`pvh`, `hvm`). */
  readonly containers: boolean | string;
  /** Pages and event channels of guests can be shared with this process. */
  readonly rings: boolean | string;
  /** Cores of containers: libxenctrl looks for a page at each frame up to the topmost, which emulation takes minutes for. */
  readonly containerCores: boolean | string;
  /** Cpus can be taken out of the first pool while Dom0 runs. */
  readonly cpuMoves: boolean | string;
  /** FLASK is on; the cases for a host without it run otherwise. */
  readonly flask: boolean | string;
}

/** A kernel with Xen's entries for PV and PVH that fits, with its ramdisk, into 128 MiB. */
export interface SuiteKernel {
  readonly path: string;
  readonly ramdisk?: string;
}

export interface HypervisorSuiteOptions {
  readonly test: SuiteTest;
  /** A connection to a host that has 300 MiB of free memory and no domain but Dom0 that comes or goes by itself. */
  readonly open: () => Awaitable<Hypervisor>;
  readonly kernel: SuiteKernel;
  /** hvmloader and SeaBIOS, or the reason why not. */
  readonly hvm: { readonly loaderPath: string; readonly firmwarePath: string } | string;
  /** A PCI device that could be given away, and a neighbour in its group; or the reason why not. */
  readonly pci: { readonly address: PciAddress; readonly neighbour: PciAddress } | string;
  /** xenstored of the host, for the events that go with verbs; or the reason why not. */
  readonly openStore: (() => Awaitable<XenStore>) | string;
  readonly supports: HypervisorTraits;
}

/** A case works on an open host. */
export type Body = (hypervisor: Hypervisor) => Promise<void>;
export type Check = (name: string, body: Body) => void;

/** What a group of cases is given. */
export interface CaseSuite {
  readonly options: HypervisorSuiteOptions;
  /** Registers a case. */
  readonly check: Check;
  /** Registers a case that is skipped, with the reason in its name, unless `trait` is true. */
  readonly checkIf: (trait: boolean | string) => Check;
}

export const GUEST_KIB: number = kibFromMib(128);
/** What a build may take beyond the memory asked for (MAX_MEMORY_SLACK_KIB). */
export const SLACK_KIB: number = kibFromMib(1);
/** What Xen may keep of a destroyed domain for a moment, or for good for the first one of a kind. */
export const REMAINS_KIB: number = kibFromMib(2);
/** No host of a test has given out this one. */
export const UNUSED: Domid = parseDomid(DOMID_FIRST_RESERVED - 1);

export const domidOf = ({ domid }: DomainInfo): Domid => domid;

export function specOf(spec: Partial<DomainCreateSpec>): DomainCreateSpec {
  return { uuid: randomVmUuid(), guestType: 'pv', maxVcpus: 1, ...spec };
}

/** A PV guest from the suite's kernel, with changes. */
export function pvSpec(kernel: SuiteKernel, spec: Partial<PvBuildSpec> = {}): PvBuildSpec {
  return {
    kind: 'pv',
    cmdline: 'console=hvc0',
    memoryKib: GUEST_KIB,
    storeEvtchn: evtchn(1),
    storeDomid: DOM0,
    consoleEvtchn: evtchn(2),
    consoleDomid: DOM0,
    kernelPath: kernel.path,
    ...(kernel.ramdisk === undefined ? {} : { ramdiskPath: kernel.ramdisk }),
    ...spec,
  };
}

/** Sets the limit, allocates the ports and builds, as a caller does. */
export async function build(
  hypervisor: Hypervisor,
  domid: Domid,
  spec: BuildSpec,
  options?: LongCallOptions,
): Promise<BuildResult> {
  await hypervisor.setMaxMemory(domid, GUEST_KIB + SLACK_KIB);
  const storeEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
  const consoleEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
  return hypervisor.buildDomain(domid, { ...spec, storeEvtchn, consoleEvtchn }, options);
}

export async function find(hypervisor: Hypervisor, domid: Domid): Promise<DomainInfo> {
  const info = await hypervisor.findDomain(domid);
  assert.ok(info, `domain ${domid} is there`);
  return info;
}

/** Runs `body` with a domain of its own, which is destroyed in every case. */
export async function withDomain(
  hypervisor: Hypervisor,
  spec: Partial<DomainCreateSpec>,
  body: (domid: Domid) => Promise<void>,
): Promise<void> {
  const domid = await hypervisor.createDomain(specOf(spec));
  try {
    await body(domid);
  } finally {
    await hypervisor.destroy(domid);
  }
}

/** Runs `body` with a built PV guest that has not run yet. */
export async function withGuest(
  hypervisor: Hypervisor,
  kernel: SuiteKernel,
  body: (domid: Domid) => Promise<void>,
): Promise<void> {
  await withDomain(hypervisor, {}, async (domid) => {
    await build(hypervisor, domid, pvSpec(kernel));
    await body(domid);
  });
}

/** Runs `body` with a folder that holds the files `empty` and `text`. */
export async function withFiles(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hypervisor-suite-'));
  try {
    await writeFile(path.join(folder, 'empty'), '');
    await writeFile(path.join(folder, 'text'), 'This is no kernel.\n'.repeat(1000));
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Expects a rejection, or a throw of a verb that answers at once, and gives the error. */
export async function rejects(
  call: () => unknown,
  ...codes: readonly ErrorCode[]
): Promise<XenopsError> {
  try {
    await call();
  } catch (error) {
    if (hasCode(error, ...codes)) return error;
    throw error;
  }
  return assert.fail(`expected ${codes.join(' or ')}`);
}
