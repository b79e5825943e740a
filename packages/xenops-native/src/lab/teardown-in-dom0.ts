/**
 * What must hold on real Xen when work is cut short: a thread that ends in the middle of a build, many builds and
 * failures in a row. Run by native.lab.ts as `node --test`, with the guest's kernel in the environment.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { DOM0, randomVmUuid, type Domid } from '@xenops/core/ids';
import type { PvBuildSpec } from '@xenops/core/hypervisor';
import { openHypervisor } from '../open-hypervisor.ts';
import type { NativeHypervisor } from '../native-hypervisor.ts';

const kernelPath = process.env['GUEST_KERNEL'] ?? '';
const MEMORY_KIB = 131_072;
const ROUND_COUNT = 10;
/** Makes this file a process that exits when its build gets to the stage named so. */
const EXIT_AT = 'XENOPS_TEST_EXIT_AT';
const EXIT_STATUS = 7;

async function createAndPrepare(
  hypervisor: NativeHypervisor,
): Promise<{ readonly domid: Domid; readonly spec: PvBuildSpec }> {
  const domid = await hypervisor.createDomain({
    uuid: randomVmUuid(),
    guestType: 'pv',
    maxVcpus: 1,
  });
  hypervisor.setMaxMemory(domid, MEMORY_KIB + 1024);
  const spec: PvBuildSpec = {
    kind: 'pv',
    kernelPath,
    cmdline: '',
    memoryKib: MEMORY_KIB,
    storeEvtchn: hypervisor.allocUnboundEvtchn(domid, DOM0),
    storeDomid: DOM0,
    consoleEvtchn: hypervisor.allocUnboundEvtchn(domid, DOM0),
    consoleDomid: DOM0,
  };
  return { domid, spec };
}

interface StageMessage {
  readonly domid: Domid;
  readonly stage: string;
}

/** Builds in a thread or process of its own, and tells of every stage. */
async function buildAndTell(tell: (message: StageMessage) => void): Promise<void> {
  const hypervisor = openHypervisor();
  const { domid, spec } = await createAndPrepare(hypervisor);
  await hypervisor.buildDomain(domid, spec, {
    onProgress: ({ stage }) => {
      tell({ domid, stage });
    },
  });
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;
const threads = (): number => readdirSync('/proc/self/task').length;

async function runTests(): Promise<void> {
  for (const stage of ['kernel', 'parse', 'memory', 'load', 'boot']) {
    await test(`a thread that ends while it builds (${stage}) leaves a domain that can be destroyed`, async () => {
      const worker = new Worker(new URL(import.meta.url));
      const domid = await new Promise<Domid>((resolve, reject) => {
        worker.once('error', reject);
        worker.on('message', (message: StageMessage) => {
          if (message.stage === stage) resolve(message.domid);
        });
      });
      await worker.terminate();
      await using hypervisor = openHypervisor();
      assert.equal(hypervisor.findDomain(domid)?.dying, false);
      await hypervisor.destroy(domid);
    });
  }

  await test('disposal waits for a build under way, which then has ended', async () => {
    const hypervisor = openHypervisor();
    const { domid, spec } = await createAndPrepare(hypervisor);
    let isDone = false;
    const built = hypervisor.buildDomain(domid, spec).finally(() => (isDone = true));
    await hypervisor[Symbol.asyncDispose]();
    assert.equal(isDone, true);
    await built;
    await using another = openHypervisor();
    await another.destroy(domid);
  });

  await test('builds, failures and aborts leave no descriptor and no thread behind', async () => {
    await using hypervisor = openHypervisor();
    const runRound = async (): Promise<void> => {
      const { domid, spec } = await createAndPrepare(hypervisor);
      await assert.rejects(hypervisor.buildDomain(domid, { ...spec, memoryKib: 1024 }));
      await hypervisor.destroy(domid);
      const second = await createAndPrepare(hypervisor);
      const controller = new AbortController();
      const onProgress = ({ stage }: { readonly stage: string }): void => {
        if (stage === 'load') controller.abort();
      };
      await hypervisor
        .buildDomain(second.domid, second.spec, { signal: controller.signal, onProgress })
        .catch(() => undefined);
      await hypervisor.destroy(second.domid);
    };
    await runRound();
    const before = { descriptors: openDescriptors(), threads: threads() };
    for (let round = 0; round < ROUND_COUNT; round++) await runRound();
    assert.deepEqual({ descriptors: openDescriptors(), threads: threads() }, before);
  });

  await test('a process that exits in the middle of a build ends cleanly', async () => {
    const child = fork(fileURLToPath(import.meta.url), {
      env: { ...process.env, [EXIT_AT]: 'load' },
    });
    const [{ domid }] = (await once(child, 'message')) as [{ readonly domid: Domid }];
    const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
    assert.deepEqual({ status, signal }, { status: EXIT_STATUS, signal: null });
    await using hypervisor = openHypervisor();
    await hypervisor.destroy(domid);
  });
}

const exitAt = process.env[EXIT_AT];
if (exitAt !== undefined) {
  await buildAndTell(({ domid, stage }) => {
    if (stage === 'kernel') process.send?.({ domid });
    if (stage === exitAt) process.exit(EXIT_STATUS);
  });
} else if (isMainThread) {
  await runTests();
} else {
  await buildAndTell((message) => parentPort?.postMessage(message));
}
