/**
 * What the verbs do to real domains and to the host, where looking at Xen or at a file shows it. Run by native.lab.ts as
 * `node --test`.
 */
import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { DOM0, domid } from '@xenops/core/ids';
import type { NativeHypervisor } from '../native-hypervisor.ts';
import { openHypervisor } from '../open-hypervisor.ts';
import { bootUntil } from './console-ring.ts';
import { rejects, withDomain, withPvGuest } from './pv-guest.ts';

const NO_DOMAIN = domid(32_000);
const WATCHDOG_SECONDS = 3600;

/** Of Elf64_Ehdr and Elf64_Shdr. */
const ELF_MAGIC = '7f454c46';
const ET_CORE = 4;
const SECTION_HEADER_BYTES = 64;

function check(name: string, body: (hypervisor: NativeHypervisor) => Promise<void>): Promise<void> {
  return test(name, async () => {
    await using hypervisor = openHypervisor();
    await body(hypervisor);
  });
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenops-core-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Section {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The sections of an ELF core, with the first page of each. */
async function readCore(file: string): Promise<readonly Section[]> {
  await using handle = await open(file);
  const read = async (position: number, length: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
  const header = await read(0, SECTION_HEADER_BYTES);
  assert.equal(header.toString('hex', 0, 4), ELF_MAGIC);
  assert.equal(header.readUInt16LE(16), ET_CORE);
  const tableOffset = Number(header.readBigUInt64LE(40));
  const table = await read(tableOffset, header.readUInt16LE(60) * SECTION_HEADER_BYTES);
  const at = (index: number): Buffer => table.subarray(index * SECTION_HEADER_BYTES);
  const offsetOf = (index: number): number => Number(at(index).readBigUInt64LE(24));
  const sizeOf = (index: number): number => Number(at(index).readBigUInt64LE(32));
  const names = header.readUInt16LE(62);
  const text = (await read(offsetOf(names), sizeOf(names))).toString('latin1');
  const sections: Section[] = [];
  for (let index = 1; index < table.length / SECTION_HEADER_BYTES; index++) {
    const start = at(index).readUInt32LE(0);
    sections.push({
      name: text.slice(start, text.indexOf('\0', start)),
      bytes: await read(offsetOf(index), Math.min(4096, sizeOf(index))),
    });
  }
  return sections;
}

async function coreTests(): Promise<void> {
  await check('a core has the notes of Xen, the registers and the pages', async (hypervisor) => {
    await withFolder((folder) =>
      withPvGuest(hypervisor, async (guest) => {
        const file = path.join(folder, 'core');
        // Its p2m table is the guest's own, and there once it counts its memory.
        await rejects(() => hypervisor.dumpCore(guest.domid, file), 'HYPERVISOR_CALL_FAILED');
        await bootUntil(hypervisor, guest, 'Memory: ');
        hypervisor.pause(guest.domid);
        await hypervisor.dumpCore(guest.domid, file);
        assert.equal((await stat(file)).mode & 0o777, 0o600);
        const sections = await readCore(file);
        const names = new Set(sections.map(({ name }) => name));
        for (const name of ['.note.Xen', '.xen_prstatus', '.xen_pages', '.xen_p2m']) {
          assert.ok(names.has(name), name);
        }
        const notes = sections.find(({ name }) => name === '.note.Xen')?.bytes;
        assert.equal(notes?.toString('latin1', 12, 15), 'Xen');
        await rejects(() => hypervisor.dumpCore(guest.domid, file), 'HYPERVISOR_EXISTS');
      }),
    );
  });

  await check('a core that is called off or fails leaves no file', async (hypervisor) => {
    await withFolder((folder) =>
      withPvGuest(hypervisor, async (guest) => {
        // Without its p2m table the dump fails sooner than it can be called off.
        await bootUntil(hypervisor, guest, 'Memory: ');
        hypervisor.pause(guest.domid);
        const controller = new AbortController();
        const dumped = hypervisor.dumpCore(guest.domid, path.join(folder, 'core'), {
          signal: controller.signal,
        });
        setImmediate(() => {
          controller.abort();
        });
        await rejects(() => dumped, 'ABORTED');
        await rejects(
          () => hypervisor.dumpCore(NO_DOMAIN, path.join(folder, 'none')),
          'HYPERVISOR_NO_DOMAIN',
        );
        await withDomain(hypervisor, 'pv', async (empty) => {
          await rejects(
            () => hypervisor.dumpCore(empty, path.join(folder, 'empty')),
            'HYPERVISOR_CALL_FAILED',
          );
        });
        assert.deepEqual(await readdir(folder), []);
      }),
    );
  });
}

async function controlTests(): Promise<void> {
  await check('a suspended guest is resumed, and only a suspended one', async (hypervisor) => {
    await withPvGuest(hypervisor, async (guest) => {
      const resume = (): Promise<unknown> =>
        Promise.resolve(hypervisor.resume(guest.domid, { cooperative: true }));
      await rejects(resume, 'HYPERVISOR_BAD_ARGUMENT');
      hypervisor.shutdown(guest.domid, 'suspend');
      await resume();
      assert.equal(hypervisor.findDomain(guest.domid)?.shutdown, false);
      hypervisor.shutdown(guest.domid, 'crash');
      await rejects(resume, 'HYPERVISOR_BAD_ARGUMENT');
    });
  });

  await check('a container is reset, takes parameters, triggers and S3', async (hypervisor) => {
    await withDomain(hypervisor, 'pvh', async (container) => {
      hypervisor.setHvmParam(container, 'timer-mode', 1n);
      assert.equal(hypervisor.hvmParam(container, 'timer-mode'), 1n);
      for (const trigger of ['power', 'sleep', 'nmi', 's3resume'] as const) {
        hypervisor.sendTrigger(container, trigger);
      }
      await rejects(() => {
        hypervisor.sendTrigger(container, 'reset');
      }, 'HYPERVISOR_NOT_SUPPORTED');
      await rejects(() => hypervisor.softReset(container), 'HYPERVISOR_BAD_ARGUMENT');
      hypervisor.shutdown(container, 'soft-reset');
      await hypervisor.softReset(container);
      assert.equal(hypervisor.findDomain(container)?.shutdown, false);
    });
  });

  await check('the paging pool and a claim are what was asked for', async (hypervisor) => {
    await withDomain(hypervisor, 'pvh', async (container) => {
      await hypervisor.setPagingPool(container, 8192);
      assert.equal(hypervisor.pagingPoolKib(container), 8192);
      hypervisor.setMaxMemory(container, 2 ** 33);
      hypervisor.claimMemory(container, 65_536);
      assert.equal(hypervisor.findDomain(container)?.outstandingKib, 65_536);
      hypervisor.claimMemory(container, 0);
      assert.equal(hypervisor.findDomain(container)?.outstandingKib, 0);
      const claim = (kib: number) => (): void => {
        hypervisor.claimMemory(container, kib);
      };
      await rejects(claim(2 ** 32), 'HYPERVISOR_NO_MEMORY');
      for (const kib of [-1, 0.5, Number.NaN]) await rejects(claim(kib), 'HYPERVISOR_BAD_ARGUMENT');
    });
  });

  await check('affinity is set by what is given, and told as it is', async (hypervisor) => {
    await withDomain(hypervisor, 'pv', async (guest) => {
      const all = hypervisor.cpuTopology().map(({ cpu }) => cpu);
      assert.deepEqual(hypervisor.vcpuAffinity(guest, 0), { hard: all, soft: all });
      assert.deepEqual(hypervisor.setVcpuAffinity(guest, 0, { hard: [0] }).hard, [0]);
      assert.deepEqual(hypervisor.vcpuAffinity(guest, 0), { hard: [0], soft: all });
      assert.deepEqual(hypervisor.vcpuAffinity(guest, 1).hard, all);
      assert.deepEqual(hypervisor.setVcpuAffinity(guest, 0, { soft: all }).soft, [0]);
      await rejects(
        () => hypervisor.setVcpuAffinity(guest, 0, { hard: [1000] }),
        'HYPERVISOR_BAD_ARGUMENT',
      );
    });
  });
}

async function hostTests(): Promise<void> {
  await check('a share is changed in the part that is given', async (hypervisor) => {
    await withDomain(hypervisor, 'pv', async (guest) => {
      hypervisor.setSchedulerShare(guest, { weight: 100 });
      hypervisor.setSchedulerShare(guest, { capPercent: 30 });
      const share = { scheduler: 'credit2', weight: 100, capPercent: 30 };
      assert.deepEqual(hypervisor.schedulerShare(guest), share);
      hypervisor.setSchedulerShare(guest, { capPercent: 0 });
      assert.deepEqual(hypervisor.schedulerShare(guest), { ...share, capPercent: 0 });
      for (const weight of [0, 65_536, 1.5]) {
        await rejects(() => {
          hypervisor.setSchedulerShare(guest, { weight });
        }, 'HYPERVISOR_BAD_ARGUMENT');
      }
    });
  });

  await check(
    'what debug keys say is in the console ring, which can be emptied',
    async (hypervisor) => {
      await hypervisor.sendDebugKeys('h');
      assert.match(hypervisor.consoleRing(), /key 'h'/);
      assert.match(hypervisor.clearConsoleRing(), /key 'h'/);
      assert.doesNotMatch(hypervisor.consoleRing(), /key 'h'/);
    },
  );

  await check('a watchdog is set, renewed and ended', async (hypervisor) => {
    const id = hypervisor.watchdog(0, WATCHDOG_SECONDS);
    assert.equal(hypervisor.watchdog(id, WATCHDOG_SECONDS), id);
    hypervisor.watchdog(id, 0);
    await rejects(() => hypervisor.watchdog(id, WATCHDOG_SECONDS), 'HYPERVISOR_BAD_ARGUMENT');
    await rejects(() => hypervisor.watchdog(0, 0), 'HYPERVISOR_BAD_ARGUMENT');
  });

  await check('a Xen without FLASK says so', async (hypervisor) => {
    await rejects(() => hypervisor.flaskEnforcing(), 'HYPERVISOR_NOT_SUPPORTED');
    await rejects(
      () => hypervisor.flaskSid('system_u:system_r:domU_t'),
      'HYPERVISOR_NOT_SUPPORTED',
    );
    await rejects(() => hypervisor.flaskLabel(1), 'HYPERVISOR_NOT_SUPPORTED');
  });

  await check('Dom0 is in no danger from verbs about guests', async (hypervisor) => {
    const verbs: readonly (() => unknown)[] = [
      () => hypervisor.resume(DOM0, { cooperative: true }),
      () => hypervisor.softReset(DOM0),
      () => {
        hypervisor.sendTrigger(DOM0, 'power');
      },
      () => hypervisor.dumpCore(DOM0, '/nowhere'),
      () => hypervisor.setPodTarget(DOM0, 0),
    ];
    for (const verb of verbs) await rejects(verb, 'HYPERVISOR_BAD_ARGUMENT');
  });
}

await coreTests();
await controlTests();
await hostTests();
