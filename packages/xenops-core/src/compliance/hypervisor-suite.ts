/**
 * How a hypervisor behaves: the cases that every implementation of `Hypervisor` passes, seen first on Xen 4.17. Runs under
 * jest and under Node's own runner, in a Dom0 that has nothing else. Every case opens the host anew, leaves it as it found
 * it, and fails otherwise.
 */
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
import {
  SHUTDOWN_REASONS,
  type Awaitable,
  type DomainCreateSpec,
  type DomainInfo,
  type GuestType,
  type Hypervisor,
  type LongCallOptions,
  type PvBuildSpec,
} from '../hypervisor/hypervisor.ts';
import { kibFromMib } from '../units.ts';

/** The `test` of jest or of node:test. */
export interface SuiteTest {
  (name: string, body: () => Promise<void>): unknown;
  skip(name: string, body: () => Promise<void>): unknown;
}

/** What an implementation or a host may be unable to do. */
export interface HypervisorTraits {
  /** Guests in a hardware container (`pvh`, `hvm`). */
  readonly containers: boolean | string;
}

export interface HypervisorSuiteOptions {
  readonly test: SuiteTest;
  /** A connection to a host that has 300 MiB of free memory and no domain but Dom0 that comes or goes by itself. */
  readonly open: () => Awaitable<Hypervisor>;
  /** A PV kernel that fits, with its ramdisk, into 128 MiB. */
  readonly kernel: { readonly path: string; readonly ramdisk?: string };
  /** True, or the reason why not, which the report shows. */
  readonly supports: HypervisorTraits;
}

/** A case works on an open host. */
type Body = (hypervisor: Hypervisor) => Promise<void>;
type Case = (name: string, body: Body) => void;

const GUEST_KIB = kibFromMib(128);
/** What a build may take beyond the memory asked for (MAX_MEMORY_SLACK_KIB). */
const SLACK_KIB = kibFromMib(1);
/** What Xen may keep of a destroyed domain for a moment, or for good for the first one of a kind. */
const REMAINS_KIB = kibFromMib(2);
/** No host of a test has given out this one. */
const UNUSED = parseDomid(DOMID_FIRST_RESERVED - 1);

/** Registers all cases with `test`. */
export function hypervisorSuite(options: HypervisorSuiteOptions): void {
  const { test, open, supports } = options;
  const run = (body: Body) => async (): Promise<void> => {
    await using hypervisor = await open();
    const before = await hypervisor.listDomains();
    await body(hypervisor);
    assert.deepEqual((await hypervisor.listDomains()).map(domidOf), before.map(domidOf));
  };
  const check: Case = (name, body) => {
    test(name, run(body));
  };
  const checkContainer: Case = (name, body) => {
    if (supports.containers === true) check(name, body);
    else test.skip(`${name} (${supports.containers || 'not supported'})`, run(body));
  };

  hostCases(check);
  listCases(check);
  createCases(check, checkContainer);
  changeCases(check);
  runCases(check);
  destroyCases(check);
  buildCases(check, options.kernel);
  badBuildCases(check, options.kernel);
  abortCases(check, options.kernel);
  test('after disposal every verb fails with HYPERVISOR_UNAVAILABLE', async () => {
    await assertClosed(open, options.kernel.path);
  });
}

function hostCases(check: Case): void {
  check('the version names a release and its capabilities', async (hypervisor) => {
    const version = await hypervisor.version();
    assert.ok(version.major >= 4);
    assert.equal(version.pageSizeBytes, 4096);
    assert.match(version.capabilities, /xen-3\.0-x86_64/);
  });
  check('the host has cpus and memory, and runs PV guests', async (hypervisor) => {
    const host = await hypervisor.physInfo();
    assert.ok(host.cpuCount >= 1 && host.maxCpuId >= host.cpuCount - 1);
    assert.ok(host.freeMemoryKib > 0 && host.freeMemoryKib < host.totalMemoryKib);
    assert.ok(host.capabilities.includes('pv'));
  });
  check('each physical cpu has an idle time, in order', async (hypervisor) => {
    const { cpuCount } = await hypervisor.physInfo();
    const cpus = await hypervisor.pcpuInfo();
    assert.deepEqual(
      cpus.map(({ cpu }) => cpu),
      [...Array(cpuCount).keys()],
    );
    assert.ok(cpus.every(({ idleNs }) => idleNs >= 0n));
  });
  check("reading Xen's console leaves it as it is", async (hypervisor) => {
    const first = await hypervisor.consoleRing();
    const second = await hypervisor.consoleRing();
    assert.ok(second.startsWith(first.slice(0, 200)));
    assert.ok(second.length >= first.length);
  });
}

function listCases(check: Case): void {
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

function createCases(check: Case, checkContainer: Case): void {
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
    checkContainer(`a domain created as ${guestType} is listed so`, async (hypervisor) => {
      await withDomain(hypervisor, { guestType }, async (domid) => {
        assert.equal((await find(hypervisor, domid)).guestType, guestType);
      });
    });
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

function changeCases(check: Case): void {
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

function runCases(check: Case): void {
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
    await rejects(() => hypervisor.buildDomain(DOM0, buildSpec({ kernelPath: '/missing' })), code);
  });
}

function destroyCases(check: Case): void {
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

type Kernel = HypervisorSuiteOptions['kernel'];

function buildCases(check: Case, kernel: Kernel): void {
  check('a built guest has its memory, two rings, and can run', async (hypervisor) => {
    const stages: string[] = [];
    await withDomain(hypervisor, {}, async (domid) => {
      const result = await build(hypervisor, domid, specOfKernel(kernel), {
        onProgress: ({ stage }) => stages.push(stage),
      });
      assert.ok(result.storeFrame > 0n && result.consoleFrame > 0n);
      assert.notEqual(result.storeFrame, result.consoleFrame);
      const info = await find(hypervisor, domid);
      assert.equal(info.memoryKib, GUEST_KIB);
      assert.equal(info.outstandingKib, 0);
      assert.equal(info.paused, true);
      assert.equal(info.onlineVcpuCount, 1);
      await hypervisor.unpause(domid);
      assert.equal((await find(hypervisor, domid)).paused, false);
    });
    assert.ok(stages.length > 1 && new Set(stages).size === stages.length, stages.join());
  });
  check('two guests can be built at the same time', async (hypervisor) => {
    const buildOne = async (): Promise<void> =>
      withDomain(hypervisor, {}, async (domid) => {
        await build(hypervisor, domid, specOfKernel(kernel));
        assert.equal((await find(hypervisor, domid)).memoryKib, GUEST_KIB);
      });
    await Promise.all([buildOne(), buildOne()]);
  });
  check('the memory of destroyed guests comes back', async (hypervisor) => {
    const { freeMemoryKib } = await hypervisor.physInfo();
    for (let round = 0; round < 3; round++) {
      await withDomain(hypervisor, {}, async (domid) => {
        await build(hypervisor, domid, specOfKernel(kernel));
        assert.ok((await hypervisor.physInfo()).freeMemoryKib < freeMemoryKib - GUEST_KIB / 2);
      });
    }
    assert.ok((await hypervisor.physInfo()).freeMemoryKib > freeMemoryKib - REMAINS_KIB);
  });
}

/** A build that must fail, in a domain of its own. */
interface BadBuild {
  readonly name: string;
  readonly code: ErrorCode;
  readonly spec: (folder: string) => Partial<PvBuildSpec>;
}

const ENDLESS_DEVICE = '/dev/zero';

const BAD_BUILDS: readonly BadBuild[] = [
  {
    name: 'a kernel that is not there',
    code: 'BUILD_KERNEL_UNREADABLE',
    spec: (folder) => ({ kernelPath: path.join(folder, 'missing') }),
  },
  {
    name: 'a folder for a kernel',
    code: 'BUILD_KERNEL_UNREADABLE',
    spec: (folder) => ({ kernelPath: folder }),
  },
  {
    name: 'a device for a kernel',
    code: 'BUILD_KERNEL_UNREADABLE',
    spec: () => ({ kernelPath: ENDLESS_DEVICE }),
  },
  {
    name: 'an empty kernel',
    code: 'BUILD_KERNEL_INVALID',
    spec: (folder) => ({ kernelPath: path.join(folder, 'empty') }),
  },
  {
    name: 'a text for a kernel',
    code: 'BUILD_KERNEL_INVALID',
    spec: (folder) => ({ kernelPath: path.join(folder, 'text') }),
  },
  {
    name: 'an ELF file that is no kernel for Xen',
    code: 'BUILD_KERNEL_INVALID',
    spec: () => ({ kernelPath: process.execPath }),
  },
  {
    name: 'a ramdisk that is not there',
    code: 'BUILD_RAMDISK_UNREADABLE',
    spec: (folder) => ({ ramdiskPath: path.join(folder, 'missing') }),
  },
  {
    name: 'a folder for a ramdisk',
    code: 'BUILD_RAMDISK_UNREADABLE',
    spec: (folder) => ({ ramdiskPath: folder }),
  },
  {
    name: 'less memory than the kernel needs',
    code: 'HYPERVISOR_NO_MEMORY',
    spec: () => ({ memoryKib: kibFromMib(1) }),
  },
  {
    name: 'more memory than the limit of the domain',
    code: 'HYPERVISOR_NO_MEMORY',
    spec: () => ({ memoryKib: 2 * GUEST_KIB }),
  },
  {
    name: 'memory that is no whole MiB',
    code: 'HYPERVISOR_BAD_ARGUMENT',
    spec: () => ({ memoryKib: GUEST_KIB - 4 }),
  },
  {
    name: 'no memory',
    code: 'HYPERVISOR_BAD_ARGUMENT',
    spec: () => ({ memoryKib: 0 }),
  },
  {
    name: 'a command line that the guest could not get whole',
    code: 'HYPERVISOR_BAD_ARGUMENT',
    spec: () => ({ cmdline: 'x'.repeat(1024) }),
  },
];

function badBuildCases(check: Case, kernel: Kernel): void {
  for (const { name, code, spec } of BAD_BUILDS) {
    check(
      `a build with ${name} fails with ${code}, and its memory comes back`,
      async (hypervisor) => {
        const { freeMemoryKib } = await hypervisor.physInfo();
        await withFiles(async (folder) =>
          withDomain(hypervisor, {}, async (domid) => {
            const bad = { ...specOfKernel(kernel), ...spec(folder) };
            const error = await rejects(() => build(hypervisor, domid, bad), code);
            assert.equal(error.context['domid'], domid);
          }),
        );
        assert.ok((await hypervisor.physInfo()).freeMemoryKib > freeMemoryKib - REMAINS_KIB);
      },
    );
  }
  check('more memory than the host has is refused', async (hypervisor) => {
    const { totalMemoryKib } = await hypervisor.physInfo();
    const memoryKib = Math.ceil(totalMemoryKib / 1024) * 1024;
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.setMaxMemory(domid, memoryKib + SLACK_KIB);
      const spec = buildSpec({ ...specOfKernel(kernel), memoryKib });
      await rejects(() => hypervisor.buildDomain(domid, spec), 'HYPERVISOR_NO_MEMORY');
    });
  });
  check('a guest cannot be built in a domain that is not there', async (hypervisor) => {
    const spec = buildSpec(specOfKernel(kernel));
    await rejects(() => hypervisor.buildDomain(UNUSED, spec), 'HYPERVISOR_NO_DOMAIN');
  });
}

function abortCases(check: Case, kernel: Kernel): void {
  check('a build with an aborted signal does not begin', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const options = { signal: AbortSignal.abort() };
      await rejects(() => build(hypervisor, domid, specOfKernel(kernel), options), 'ABORTED');
      assert.equal((await find(hypervisor, domid)).memoryKib, 0);
    });
  });
  check(
    'a build that is aborted on the way ends with ABORTED and never undoes',
    async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        const controller = new AbortController();
        const options = { signal: controller.signal, onProgress: () => controller.abort() };
        await rejects(() => build(hypervisor, domid, specOfKernel(kernel), options), 'ABORTED');
        assert.equal((await find(hypervisor, domid)).paused, true);
      });
    },
  );
  check('a build whose watcher throws ends with that error', async (hypervisor) => {
    const broken = new Error('the display is gone');
    const onProgress = (): void => {
      throw broken;
    };
    await withDomain(hypervisor, {}, async (domid) => {
      const built = build(hypervisor, domid, specOfKernel(kernel), { onProgress });
      await assert.rejects(built, (error) => error === broken);
    });
  });
}

async function assertClosed(open: () => Awaitable<Hypervisor>, kernelPath: string): Promise<void> {
  const hypervisor = await open();
  await hypervisor[Symbol.asyncDispose]();
  await hypervisor[Symbol.asyncDispose]();
  const verbs: readonly (() => unknown)[] = [
    () => hypervisor.version(),
    () => hypervisor.physInfo(),
    () => hypervisor.pcpuInfo(),
    () => hypervisor.consoleRing(),
    () => hypervisor.listDomains(),
    () => hypervisor.findDomain(DOM0),
    () => hypervisor.createDomain(specOf({})),
    () => hypervisor.setHandle(UNUSED, randomVmUuid()),
    () => hypervisor.setMaxMemory(UNUSED, GUEST_KIB),
    () => hypervisor.allocUnboundEvtchn(UNUSED, DOM0),
    () => hypervisor.buildDomain(UNUSED, buildSpec({ kernelPath })),
    () => hypervisor.pause(UNUSED),
    () => hypervisor.unpause(UNUSED),
    () => hypervisor.shutdown(UNUSED, 'poweroff'),
    () => hypervisor.destroy(UNUSED),
  ];
  for (const verb of verbs) await rejects(verb, 'HYPERVISOR_UNAVAILABLE');
}

const domidOf = ({ domid }: DomainInfo): Domid => domid;

function specOf(spec: Partial<DomainCreateSpec>): DomainCreateSpec {
  return { uuid: randomVmUuid(), guestType: 'pv', maxVcpus: 1, ...spec };
}

function specOfKernel({
  path: kernelPath,
  ramdisk,
}: Kernel): Partial<PvBuildSpec> & { kernelPath: string } {
  return { kernelPath, ...(ramdisk === undefined ? {} : { ramdiskPath: ramdisk }) };
}

function buildSpec(spec: Partial<PvBuildSpec> & { readonly kernelPath: string }): PvBuildSpec {
  return {
    kind: 'pv',
    cmdline: 'console=hvc0',
    memoryKib: GUEST_KIB,
    storeEvtchn: evtchn(1),
    storeDomid: DOM0,
    consoleEvtchn: evtchn(2),
    consoleDomid: DOM0,
    ...spec,
  };
}

/** Sets the limit, allocates the ports and builds, as a caller does. */
async function build(
  hypervisor: Hypervisor,
  domid: Domid,
  spec: Partial<PvBuildSpec> & { readonly kernelPath: string },
  options?: LongCallOptions,
): ReturnType<Hypervisor['buildDomain']> {
  await hypervisor.setMaxMemory(domid, GUEST_KIB + SLACK_KIB);
  const storeEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
  const consoleEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
  return hypervisor.buildDomain(domid, buildSpec({ ...spec, storeEvtchn, consoleEvtchn }), options);
}

async function find(hypervisor: Hypervisor, domid: Domid): Promise<DomainInfo> {
  const info = await hypervisor.findDomain(domid);
  assert.ok(info, `domain ${domid} is there`);
  return info;
}

/** Runs `body` with a domain of its own, which is destroyed in every case. */
async function withDomain(
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

/** Runs `body` with a folder that holds the files `empty` and `text`. */
async function withFiles(body: (folder: string) => Promise<void>): Promise<void> {
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
async function rejects(call: () => unknown, code: ErrorCode): Promise<XenopsError> {
  try {
    await call();
  } catch (error) {
    if (hasCode(error, code)) return error;
    throw error;
  }
  return assert.fail(`expected ${code}`);
}
