/**
 * Guests are built of every type, boot, and fail with words; the cache of unpacked kernels is used and never trusted. Run by
 * native.lab.ts as `node --test`.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { BuildSpec, LongCallOptions } from '@xenops/core/hypervisor';
import type { KernelCache } from '../kernel-cache.ts';
import {
  hvmFiles,
  KERNEL,
  LabGuest,
  makeDomain,
  openLabHost,
  RAMDISK,
  type LabHost,
  type Unwired,
} from './guest-of-build.ts';

const MEMORY_KIB = 131_072;
/** Xen's own memory comes and goes by some pages. */
const REMAINS_KIB = 4096;
const CACHE_BYTES_MAX = 100 * 2 ** 20;

const folder = mkdtempSync('/run/build-');
const cache: KernelCache = { folder: path.join(folder, 'kernels'), bytesMax: CACHE_BYTES_MAX };
const kernel = path.join(folder, 'vmlinuz');
copyFileSync(KERNEL.packed, kernel);
const direct = {
  kind: 'pv',
  kernelPath: kernel,
  ramdiskPath: RAMDISK,
  cmdline: 'console=hvc0',
  memoryKib: MEMORY_KIB,
  tscMode: 'native',
} as const;
const hvm = {
  kind: 'hvm',
  ...hvmFiles(),
  memoryKib: MEMORY_KIB,
  videoMemoryKib: 0,
} as const;

await using host = await openLabHost({ kernelCache: cache });

/** The stages a build goes through; the guest does not run. */
async function stagesOf(spec: Unwired<BuildSpec>, on: LabHost = host): Promise<readonly string[]> {
  const stages: string[] = [];
  const onProgress: LongCallOptions['onProgress'] = ({ stage }) => void stages.push(stage);
  const guest = await LabGuest.build(on, spec, { onProgress });
  await guest.destroy();
  return stages;
}

async function boot(spec: Unwired<BuildSpec>, vcpus = 1): Promise<void> {
  const guest = await LabGuest.build(host, spec, { vcpus });
  guest.unpause();
  try {
    await guest.prints('GUEST-UP');
    const info = host.hypervisor.findDomain(guest.domid);
    assert.deepEqual([info?.guestType, info?.onlineVcpuCount], [spec.kind, vcpus]);
  } finally {
    await guest.destroy();
  }
}

const entries = (): readonly string[] => readdirSync(cache.folder);
const onlyEntry = (): string => path.join(cache.folder, entries()[0] ?? 'none');
const UNPACKED = ['kernel', 'ramdisk', 'prepare', 'unpack', 'cache', 'memory', 'load', 'boot'];
const CACHED = ['kernel', 'ramdisk', 'prepare', 'parse', 'memory', 'load', 'boot'];

await test('a packed kernel is unpacked once, and kept under the digest of its file', async () => {
  assert.deepEqual(await stagesOf(direct), UNPACKED);
  const digest = createHash('blake2b512').update(readFileSync(kernel)).digest('hex');
  assert.deepEqual(entries(), [digest]);
  assert.deepEqual(
    [statSync(cache.folder), statSync(onlyEntry())].map(({ mode }) => mode & 0o777),
    [0o700, 0o600],
  );
  assert.deepEqual(await stagesOf(direct), CACHED);
});

await test('a damaged entry is not used: one bit, a short file, another kernel, no kernel', async () => {
  const whole = readFileSync(onlyEntry());
  const entry = onlyEntry();
  const flipped = Buffer.from(whole);
  flipped.writeUInt8(flipped.readUInt8(20_000_000) ^ 1, 20_000_000);
  for (const damage of [
    (): void => {
      writeFileSync(entry, flipped, { mode: 0o600 });
    },
    (): void => {
      truncateSync(entry, whole.length - 1);
    },
    (): void => {
      truncateSync(entry, 10);
    },
    (): void => {
      writeFileSync(entry, whole.subarray(100));
    },
  ]) {
    damage();
    assert.deepEqual(await stagesOf(direct), UNPACKED);
    assert.ok(readFileSync(entry).equals(whole), 'the entry has been made anew');
  }
});

await test('a kernel that was changed is another kernel, one that was touched is the same', async () => {
  const bytes = readFileSync(kernel);
  writeFileSync(kernel, bytes);
  assert.deepEqual(await stagesOf(direct), CACHED);
  // The signature at the end, which nothing reads.
  writeFileSync(kernel, Buffer.concat([bytes, Buffer.alloc(16)]));
  assert.deepEqual(await stagesOf(direct), UNPACKED);
  writeFileSync(kernel, bytes);
});

await test('there is room for one of two: the one used longest ago has gone', async () => {
  assert.equal(entries().length, 1);
  const size = entries().reduce(
    (sum, name) => sum + statSync(path.join(cache.folder, name)).size,
    0,
  );
  assert.ok(size <= CACHE_BYTES_MAX, `${size} bytes`);
  assert.deepEqual(await stagesOf(direct), UNPACKED);
});

await test('guests built at once share an entry', async () => {
  rmSync(onlyEntry());
  const built = await Promise.all([stagesOf(direct), stagesOf(direct)]);
  assert.deepEqual(built, [UNPACKED, UNPACKED]);
  assert.equal(entries().length, 1);
  assert.deepEqual(await stagesOf(direct), CACHED);
});

await test('a cache that is off or cannot be used fails no build', async () => {
  const open = path.join(folder, 'open');
  for (const kernelCache of [
    'off',
    { folder: path.join(folder, 'no', 'such', 'folder'), bytesMax: CACHE_BYTES_MAX },
    { folder: open, bytesMax: 1024 },
  ] as const) {
    await using other = await openLabHost({ kernelCache });
    const stages = await stagesOf(direct, other);
    assert.ok(stages.includes('unpack') && stages.includes('boot'), String(stages));
  }
  assert.deepEqual(readdirSync(open), []);
});

await test('a pv guest boots from a kernel of the cache', () => boot(direct));

await test('a pvh guest boots from it too, with two vcpus', () =>
  boot({ ...direct, kind: 'pvh' }, 2));

for (const [name, spec, code] of [
  ['is not there', { ...direct, kernelPath: '/no/kernel' }, 'BUILD_KERNEL_UNREADABLE'],
  ['is not there', { ...hvm, loaderPath: '/no/loader' }, 'BUILD_KERNEL_UNREADABLE'],
  ['is a folder', { ...direct, kind: 'pvh', kernelPath: '/etc' }, 'BUILD_KERNEL_UNREADABLE'],
  ['is no kernel', { ...direct, kernelPath: '/etc/passwd' }, 'BUILD_KERNEL_INVALID'],
  ['is no kernel', { ...direct, kind: 'pvh', kernelPath: '/etc/passwd' }, 'BUILD_KERNEL_INVALID'],
  ['is no kernel', { ...hvm, loaderPath: '/etc/passwd' }, 'BUILD_KERNEL_INVALID'],
  ['is a program', { ...direct, kernelPath: '/bin/true' }, 'BUILD_KERNEL_INVALID'],
  ['is a program', { ...direct, kind: 'pvh', kernelPath: '/bin/true' }, 'BUILD_KERNEL_INVALID'],
  ['is not there', { ...direct, ramdiskPath: '/no/ramdisk' }, 'BUILD_RAMDISK_UNREADABLE'],
  ['is not there', { ...hvm, firmwarePath: '/no/firmware' }, 'BUILD_RAMDISK_UNREADABLE'],
  ['does not fit', { ...direct, kind: 'pvh', memoryKib: 16_384 }, 'HYPERVISOR_NO_MEMORY'],
] as const) {
  await test(`${spec.kind}: a file that ${name} is ${code}`, async () => {
    await assert.rejects(LabGuest.build(host, spec), { code });
  });
}

for (const spec of [{ ...direct, kind: 'pvh', kernelPath: KERNEL.elf }, hvm] as const) {
  for (const stage of ['prepare', 'memory', 'load', 'boot']) {
    await test(`${spec.kind}: a build called off at "${stage}" leaves what can be destroyed`, async () => {
      const before = host.hypervisor.physInfo().freeMemoryKib;
      const controller = new AbortController();
      const seen: string[] = [];
      const { domid, rings } = await makeDomain(host, spec.kind, spec);
      const options: LongCallOptions = {
        signal: controller.signal,
        onProgress: (progress) => {
          seen.push(progress.stage);
          if (progress.stage === stage) controller.abort();
        },
      };
      const built = host.hypervisor.buildDomain(domid, { ...spec, ...rings }, options);
      // The last stage may be over before the signal comes.
      if (stage === 'boot') await built.catch(() => undefined);
      else await assert.rejects(built, { code: 'ABORTED' });
      await host.hypervisor.destroy(domid);
      assert.ok(seen.includes(stage));
      const { freeMemoryKib, scrubMemoryKib, outstandingMemoryKib } = host.hypervisor.physInfo();
      const missingKib = before - freeMemoryKib - scrubMemoryKib;
      assert.ok(missingKib < REMAINS_KIB, `${missingKib} KiB are missing`);
      assert.equal(outstandingMemoryKib, 0);
    });
  }
}

rmSync(folder, { recursive: true });
