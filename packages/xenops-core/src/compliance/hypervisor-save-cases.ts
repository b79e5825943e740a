/** Cases about saving and restoring. */
import assert from 'node:assert/strict';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DOM0, evtchn, type Domid } from '../ids.ts';
import type { Hypervisor, RestoreSpec, SaveSpec } from '../hypervisor/hypervisor.ts';
import {
  build,
  find,
  GUEST_KIB,
  pvSpec,
  rejects,
  SLACK_KIB,
  UNUSED,
  withDomain,
  withFiles,
  withGuest,
  type CaseSuite,
  type SuiteKernel,
} from './hypervisor-case.ts';

/** All of them. */
export function saveCases(suite: CaseSuite): void {
  roundTripCases(suite);
  failedSaveCases(suite);
  badStreamCases(suite);
}

type Spec = Omit<SaveSpec, 'fd'>;

/** Runs `body` with a built PVH guest: it can be saved without having run, unlike a PV one. */
async function withPvh(
  hypervisor: Hypervisor,
  kernel: SuiteKernel,
  body: (domid: Domid) => Promise<void>,
): Promise<void> {
  await withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
    await build(hypervisor, domid, { ...pvSpec(kernel), kind: 'pvh' });
    await body(domid);
  });
}

/** Saves to a file, suspending the domain when it is asked for unless `spec` says otherwise. */
async function saveTo(
  hypervisor: Hypervisor,
  file: string,
  domid: Domid,
  spec: Partial<Spec> = {},
): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await hypervisor.saveDomain(domid, {
      fd: handle.fd,
      suspend: async () => {
        await hypervisor.shutdown(domid, 'suspend');
      },
      ...spec,
    });
  } finally {
    await handle.close();
  }
}

/** Restores from a file, with limit and ports as a caller has them. */
async function restoreFrom(
  hypervisor: Hypervisor,
  file: string,
  domid: Domid,
  spec: Partial<RestoreSpec> = {},
): ReturnType<Hypervisor['restoreDomain']> {
  const handle = await open(file, 'r');
  try {
    await hypervisor.setMaxMemory(domid, GUEST_KIB + SLACK_KIB);
    const storeEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
    const consoleEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
    return await hypervisor.restoreDomain(domid, {
      fd: handle.fd,
      guestType: 'pvh',
      memoryKib: GUEST_KIB,
      storeEvtchn,
      storeDomid: DOM0,
      consoleEvtchn,
      consoleDomid: DOM0,
      ...spec,
    });
  } finally {
    await handle.close();
  }
}

function roundTripCases({ checkIf, options }: CaseSuite): void {
  const check = checkIf(options.supports.containers);
  check(
    'a save asks for the suspension once, and leaves the guest suspended',
    async (hypervisor) => {
      await withFiles(async (folder) =>
        withPvh(hypervisor, options.kernel, async (domid) => {
          let asked = 0;
          const file = path.join(folder, 'image');
          await saveTo(hypervisor, file, domid, {
            suspend: async () => {
              asked += 1;
              await hypervisor.shutdown(domid, 'suspend');
            },
          });
          assert.equal(asked, 1);
          assert.equal((await find(hypervisor, domid)).shutdownReason, 'suspend');
          assert.ok((await stat(file)).size > 0);
        }),
      );
    },
  );
  check('after a save the guest resumes', async (hypervisor) => {
    await withFiles(async (folder) =>
      withPvh(hypervisor, options.kernel, async (domid) => {
        await saveTo(hypervisor, path.join(folder, 'image'), domid);
        await hypervisor.resume(domid, { cooperative: true });
        assert.equal((await find(hypervisor, domid)).shutdown, false);
      }),
    );
  });
}

function failedSaveCases(suite: CaseSuite): void {
  const { options } = suite;
  const check = suite.checkIf(options.supports.containers);
  suite.check(
    'a PV guest that has never run is not saved: it tells its frames itself',
    async (hypervisor) => {
      await withFiles(async (folder) =>
        withGuest(hypervisor, options.kernel, async (domid) => {
          const file = path.join(folder, 'image');
          await rejects(() => saveTo(hypervisor, file, domid), 'HYPERVISOR_CALL_FAILED');
          assert.equal((await find(hypervisor, domid)).shutdown, false);
        }),
      );
    },
  );
  check('a suspension that fails is how the save fails', async (hypervisor) => {
    const refusal = new Error('the guest does not want to');
    await withFiles(async (folder) =>
      withPvh(hypervisor, options.kernel, async (domid) => {
        const suspend = (): Promise<void> => Promise.reject(refusal);
        const saved = saveTo(hypervisor, path.join(folder, 'image'), domid, { suspend });
        await assert.rejects(saved, (error) => error === refusal);
        assert.equal((await find(hypervisor, domid)).shutdown, false);
      }),
    );
  });
  check('a suspension that does not suspend fails the save', async (hypervisor) => {
    await withFiles(async (folder) =>
      withPvh(hypervisor, options.kernel, async (domid) => {
        const suspend = async (): Promise<void> => undefined;
        const saved = saveTo(hypervisor, path.join(folder, 'image'), domid, { suspend });
        await assert.rejects(saved);
        assert.equal((await find(hypervisor, domid)).shutdown, false);
      }),
    );
  });
  check('a save with an aborted signal does not begin', async (hypervisor) => {
    await withFiles(async (folder) =>
      withPvh(hypervisor, options.kernel, async (domid) => {
        const handle = await open(path.join(folder, 'image'), 'w');
        try {
          const spec = { fd: handle.fd, suspend: () => Promise.reject(new Error('asked')) };
          const aborted = { signal: AbortSignal.abort() };
          await rejects(() => hypervisor.saveDomain(domid, spec, aborted), 'ABORTED');
        } finally {
          await handle.close();
        }
        assert.equal((await find(hypervisor, domid)).shutdown, false);
      }),
    );
  });
  check('what is not there, or empty, or Dom0, is not saved', async (hypervisor) => {
    await withFiles(async (folder) => {
      const file = path.join(folder, 'image');
      const suspend = async (): Promise<void> => undefined;
      const save = (domid: Domid): Promise<void> => saveTo(hypervisor, file, domid, { suspend });
      await rejects(() => save(UNUSED), 'HYPERVISOR_NO_DOMAIN');
      await rejects(() => save(DOM0), 'HYPERVISOR_BAD_ARGUMENT');
      await withDomain(hypervisor, {}, async (domid) => {
        await assert.rejects(() => save(domid));
      });
    });
  });
}

function badStreamCases({ check, checkIf, options }: CaseSuite): void {
  const checkContainer = checkIf(options.supports.containers);
  const streams: readonly (readonly [string, (image: Buffer) => Buffer])[] = [
    ['an empty stream', () => Buffer.alloc(0)],
    ['a text', () => Buffer.from('This is no guest.\n'.repeat(100))],
    ['half a stream', (image) => image.subarray(0, Math.floor(image.length / 2))],
  ];
  for (const [name, spoil] of streams) {
    checkContainer(`${name} restores nothing`, async (hypervisor) => {
      await withFiles(async (folder) => {
        const file = path.join(folder, 'image');
        await withPvh(hypervisor, options.kernel, async (domid) => {
          await saveTo(hypervisor, file, domid);
        });
        await writeFile(file, spoil(await readFile(file)));
        await withDomain(hypervisor, { guestType: 'pvh' }, async (domid) => {
          await assert.rejects(() => restoreFrom(hypervisor, file, domid));
        });
      });
    });
  }
  check('nothing is restored where no domain is, nor into Dom0', async (hypervisor) => {
    await withFiles(async (folder) => {
      const handle = await open(path.join(folder, 'empty'), 'r');
      const spec: RestoreSpec = {
        fd: handle.fd,
        guestType: 'pv',
        memoryKib: GUEST_KIB,
        storeEvtchn: evtchn(1),
        storeDomid: DOM0,
        consoleEvtchn: evtchn(2),
        consoleDomid: DOM0,
      };
      try {
        await rejects(() => hypervisor.restoreDomain(UNUSED, spec), 'HYPERVISOR_NO_DOMAIN');
        await rejects(() => hypervisor.restoreDomain(DOM0, spec), 'HYPERVISOR_BAD_ARGUMENT');
      } finally {
        await handle.close();
      }
    });
  });
}
