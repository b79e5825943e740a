/** Cases about building guests. */
import assert from 'node:assert/strict';
import path from 'node:path';
import type { ErrorCode } from '../errors.ts';
import type { HvmBuildSpec, PvBuildSpec, PvhBuildSpec } from '../hypervisor/hypervisor.ts';
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
  withFiles,
  type CaseSuite,
} from './hypervisor-case.ts';

/** All of them. */
export function buildCases(suite: CaseSuite): void {
  pvCases(suite);
  badPvCases(suite);
  abortCases(suite);
  containerCases(suite);
}

function pvCases({ check, options }: CaseSuite): void {
  check('a built guest has its memory, two rings, and can run', async (hypervisor) => {
    const stages: string[] = [];
    await withDomain(hypervisor, {}, async (domid) => {
      const result = await build(hypervisor, domid, pvSpec(options.kernel), {
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
        await build(hypervisor, domid, pvSpec(options.kernel));
        assert.equal((await find(hypervisor, domid)).memoryKib, GUEST_KIB);
      });
    await Promise.all([buildOne(), buildOne()]);
  });
  check('the memory of destroyed guests comes back', async (hypervisor) => {
    const { freeMemoryKib } = await hypervisor.physInfo();
    for (let round = 0; round < 3; round++) {
      await withDomain(hypervisor, {}, async (domid) => {
        await build(hypervisor, domid, pvSpec(options.kernel));
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

function badPvCases({ check, options }: CaseSuite): void {
  for (const { name, code, spec } of BAD_BUILDS) {
    check(
      `a build with ${name} fails with ${code}, and its memory comes back`,
      async (hypervisor) => {
        const { freeMemoryKib } = await hypervisor.physInfo();
        await withFiles(async (folder) =>
          withDomain(hypervisor, {}, async (domid) => {
            const bad = pvSpec(options.kernel, spec(folder));
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
      const spec = pvSpec(options.kernel, { memoryKib });
      await rejects(() => hypervisor.buildDomain(domid, spec), 'HYPERVISOR_NO_MEMORY');
    });
  });
  check('a guest cannot be built in a domain that is not there', async (hypervisor) => {
    const spec = pvSpec(options.kernel);
    await rejects(() => hypervisor.buildDomain(UNUSED, spec), 'HYPERVISOR_NO_DOMAIN');
  });
}

function abortCases({ check, options: { kernel } }: CaseSuite): void {
  check('a build with an aborted signal does not begin', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const options = { signal: AbortSignal.abort() };
      await rejects(() => build(hypervisor, domid, pvSpec(kernel), options), 'ABORTED');
      assert.equal((await find(hypervisor, domid)).memoryKib, 0);
    });
  });
  check(
    'a build that is aborted on the way ends with ABORTED and never undoes',
    async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        const controller = new AbortController();
        const options = { signal: controller.signal, onProgress: () => controller.abort() };
        await rejects(() => build(hypervisor, domid, pvSpec(kernel), options), 'ABORTED');
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
      const built = build(hypervisor, domid, pvSpec(kernel), { onProgress });
      await assert.rejects(built, (error) => error === broken);
    });
  });
}

function pvhSpec(options: CaseSuite['options'], spec: Partial<PvhBuildSpec> = {}): PvhBuildSpec {
  return { ...pvSpec(options.kernel), kind: 'pvh', ...spec };
}

/** Frames where the rings of a hardware container always are (tools/libs/guest/xg_dom_x86.c). */
const CONTAINER_STORE_FRAME = 0xf_effcn;
const CONTAINER_CONSOLE_FRAME = 0xf_efffn;

function containerCases(suite: CaseSuite): void {
  pvhCases(suite);
  hvmCases(suite);
}

function pvhCases({ checkIf, options }: CaseSuite): void {
  const check = checkIf(options.supports.containers);
  check('a PVH guest is built with its rings where they always are', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'pvh', maxVcpus: 2 }, async (domid) => {
      const result = await build(hypervisor, domid, pvhSpec(options));
      assert.deepEqual(result, {
        storeFrame: CONTAINER_STORE_FRAME,
        consoleFrame: CONTAINER_CONSOLE_FRAME,
      });
      assert.equal(await hypervisor.hvmParam(domid, 'store-pfn'), CONTAINER_STORE_FRAME);
      assert.equal(await hypervisor.hvmParam(domid, 'console-pfn'), CONTAINER_CONSOLE_FRAME);
      const { memoryKib, paused } = await find(hypervisor, domid);
      assert.ok(memoryKib >= GUEST_KIB - REMAINS_KIB && memoryKib <= GUEST_KIB + SLACK_KIB);
      assert.equal(paused, true);
      assert.ok((await hypervisor.highestGuestFrame(domid)) >= CONTAINER_CONSOLE_FRAME);
    });
  });
  check(
    'a PV kernel is asked for in a PV domain, a PVH one in a PVH domain',
    async (hypervisor) => {
      await withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
        const bad = pvSpec(options.kernel);
        await rejects(() => build(hypervisor, domid, bad), 'HYPERVISOR_BAD_ARGUMENT');
      });
      await withDomain(hypervisor, {}, async (domid) => {
        await rejects(() => build(hypervisor, domid, pvhSpec(options)), 'HYPERVISOR_BAD_ARGUMENT');
      });
    },
  );
  const bad: readonly (readonly [string, ErrorCode, (folder: string) => Partial<PvhBuildSpec>])[] =
    [
      [
        'no kernel',
        'BUILD_KERNEL_UNREADABLE',
        (folder) => ({ kernelPath: path.join(folder, 'no') }),
      ],
      ['a text', 'BUILD_KERNEL_INVALID', (folder) => ({ kernelPath: path.join(folder, 'text') })],
      [
        'no ramdisk',
        'BUILD_RAMDISK_UNREADABLE',
        (folder) => ({ ramdiskPath: path.join(folder, 'no') }),
      ],
      [
        'a module that is not there',
        'BUILD_RAMDISK_UNREADABLE',
        (folder) => ({ modules: [{ path: path.join(folder, 'no') }] }),
      ],
      ['memory beyond its limit', 'HYPERVISOR_NO_MEMORY', () => ({ memoryKib: 2 * GUEST_KIB })],
    ];
  for (const [name, code, spec] of bad) {
    check(`a PVH build with ${name} fails with ${code}`, async (hypervisor) => {
      await withFiles(async (folder) =>
        withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
          await rejects(() => build(hypervisor, domid, pvhSpec(options, spec(folder))), code);
        }),
      );
    });
  }
}

function hvmCases({ checkIf, options }: CaseSuite): void {
  const { hvm, kernel } = options;
  const check = checkIf(typeof hvm === 'string' ? hvm : options.supports.containers);
  const files = typeof hvm === 'string' ? { loaderPath: '', firmwarePath: '' } : hvm;
  const { storeEvtchn, storeDomid, consoleEvtchn, consoleDomid } = pvSpec(kernel);
  const hvmSpec = (spec: Partial<HvmBuildSpec> = {}): HvmBuildSpec => ({
    kind: 'hvm',
    ...files,
    memoryKib: GUEST_KIB,
    videoMemoryKib: kibFromMib(8),
    storeEvtchn,
    storeDomid,
    consoleEvtchn,
    consoleDomid,
    ...spec,
  });
  check('an HVM guest is built from hvmloader', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'hvm', maxVcpus: 2 }, async (domid) => {
      const result = await build(hypervisor, domid, hvmSpec());
      assert.equal(result.storeFrame, CONTAINER_STORE_FRAME);
      assert.equal(result.consoleFrame, CONTAINER_CONSOLE_FRAME);
      assert.equal((await find(hypervisor, domid)).paused, true);
      assert.ok((await hypervisor.hvmParam(domid, 'store-evtchn')) > 0n);
    });
  });
  check('an HVM guest with room to grow is populated on demand', async (hypervisor) => {
    await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
      await build(hypervisor, domid, hvmSpec({ maxMemoryKib: 2 * GUEST_KIB }));
      const { totalPages, entryPages } = await hypervisor.podInfo(domid);
      assert.ok(totalPages <= (GUEST_KIB + SLACK_KIB) / 4);
      assert.ok(entryPages > 0);
    });
  });
  check('an HVM guest without its loader or firmware is not built', async (hypervisor) => {
    await withFiles(async (folder) =>
      withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
        const missing = path.join(folder, 'missing');
        const noLoader = hvmSpec({ loaderPath: missing });
        await rejects(() => build(hypervisor, domid, noLoader), 'BUILD_KERNEL_UNREADABLE');
      }),
    );
    await withFiles(async (folder) =>
      withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
        const noFirmware = hvmSpec({ firmwarePath: path.join(folder, 'missing') });
        await rejects(() => build(hypervisor, domid, noFirmware), ...UNREADABLE);
      }),
    );
  });
}

/** A missing firmware is reported as the kernel's part or as a module's. */
const UNREADABLE = ['BUILD_KERNEL_UNREADABLE', 'BUILD_RAMDISK_UNREADABLE'] as const;
