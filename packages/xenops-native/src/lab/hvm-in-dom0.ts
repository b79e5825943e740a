/**
 * An HVM guest gets through hvmloader and SeaBIOS to its kernel, which qemu hands it. The device model is started here by
 * hand, as small as it can be. Run by native.long.lab.ts as `node --test`: under emulation such a guest now and then hangs.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Domid } from '@xenops/core/ids';
import { valueBecomes, waitFor } from '@xenops/core/xenstore';
import {
  hvmFiles,
  KERNEL,
  LabGuest,
  openLabHost,
  RAMDISK,
  type LabHost,
} from './guest-of-build.ts';

const MEMORY_KIB = 262_144;
const VIDEO_KIB = 8192;
const QEMU = '/usr/libexec/xen-qemu-system-i386';
const QEMU_TIMEOUT_MS = 60_000;

const spec = {
  kind: 'hvm',
  ...hvmFiles(),
  memoryKib: MEMORY_KIB,
  videoMemoryKib: VIDEO_KIB,
} as const;

/** A device model that serves the guest. */
async function startQemu({ store }: LabHost, domid: Domid): Promise<ChildProcess> {
  const state = `/local/domain/0/device-model/${domid}`;
  await store.mkdir(state);
  const child = spawn(
    QEMU,
    [
      ...['-xen-domid', String(domid), '-no-shutdown', '-nodefaults', '-no-user-config'],
      ...['-name', `build-${domid}`, '-vnc', 'none', '-display', 'none', '-net', 'none'],
      // Without VGA: its BIOS takes minutes of emulated port accesses.
      ...['-vga', 'none', '-smp', '1', '-machine', 'xenfv', '-m', String(MEMORY_KIB / 1024)],
      ...['-kernel', KERNEL.packed, '-initrd', RAMDISK, '-append', 'console=hvc0'],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  await waitFor(store, valueBecomes(`${state}/state`, 'running'), { timeoutMs: QEMU_TIMEOUT_MS });
  return child;
}

await using host = await openLabHost({ kernelCache: 'off' });

await test('an hvm guest boots', async () => {
  const guest = await LabGuest.build(host, { ...spec, videoMemoryKib: 0, tscMode: 'native' });
  const qemu = await startQemu(host, guest.domid);
  guest.unpause();
  try {
    await guest.prints('GUEST-UP');
    assert.equal(host.hypervisor.findDomain(guest.domid)?.guestType, 'hvm');
  } finally {
    qemu.kill('SIGTERM');
    await once(qemu, 'exit');
    await guest.destroy();
    await host.store.rm(`/local/domain/0/device-model/${guest.domid}`);
  }
});

await test('tables of the user are where the builder says, for hvmloader to find', async () => {
  // Any file will do: the builder does not look into it.
  const guest = await LabGuest.build(host, { ...spec, acpiModulePath: RAMDISK }, { vcpus: 2 });
  try {
    assert.ok(guest.built.acpiModule !== undefined);
    assert.equal(guest.built.acpiModule.sizeBytes, readFileSync(RAMDISK).length);
    assert.ok(guest.built.acpiModule.addressBytes > 0n);
    assert.equal(guest.built.smbiosModule, undefined);
  } finally {
    await guest.destroy();
  }
});

await test('memory that the guest may have later is populated on demand', async () => {
  const guest = await LabGuest.build(host, { ...spec, maxMemoryKib: 2 * MEMORY_KIB });
  try {
    const { hypervisor } = host;
    // The window of VGA is not filled, the rings are.
    const filledKib = hypervisor.findDomain(guest.domid)?.memoryKib ?? 0;
    assert.ok(
      filledKib <= MEMORY_KIB && filledKib > MEMORY_KIB - 2 * VIDEO_KIB,
      `${filledKib} KiB`,
    );
    const { entryPages, cachePages } = hypervisor.podInfo(guest.domid);
    assert.ok(entryPages >= MEMORY_KIB / 4, `${entryPages} entries`);
    assert.ok(cachePages > 0 && cachePages < entryPages, `${cachePages} in the cache`);
    // What was set aside for the build has been given back.
    assert.equal(hypervisor.findDomain(guest.domid)?.outstandingKib, 0);
  } finally {
    await guest.destroy();
  }
});
