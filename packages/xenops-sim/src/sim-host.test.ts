import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { evtchn, randomVmUuid } from '@xenops/core/ids';
import { createSimHost } from './sim-host.ts';

test('a fresh host has Dom0 and what a real Dom0 writes at boot', async () => {
  const host = await createSimHost({ memoryKib: 2_097_152, cpuCount: 2 });
  expect(host.hypervisor.listDomains()).toMatchObject([{ domid: 0, memoryKib: 1_048_576 }]);
  expect(await host.store.read('/local/domain/0/name')).toBe('Domain-0');
  expect(await host.store.read('/tool/xenstored/domid')).toBe('0');
  await host[Symbol.asyncDispose]();
});

test('hosts know nothing of each other', async () => {
  const [one, other] = [await createSimHost(), await createSimHost()];
  await one.store.write('/a', '1');
  await one.hypervisor.createDomain({ uuid: randomVmUuid(), guestType: 'pv', maxVcpus: 1 });
  expect(await other.store.find('/a')).toBeUndefined();
  expect(await other.hypervisor.listDomains()).toHaveLength(1);
  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

test('a test can play the guest: its xenstore is there once the domain is introduced', async () => {
  const host = await createSimHost();
  const domid = await host.hypervisor.createDomain({
    uuid: randomVmUuid(),
    guestType: 'pv',
    maxVcpus: 1,
  });
  const early = host.control.openGuestStore(domid);
  await expect(early.connect()).rejects.toMatchObject({ code: 'XENSTORE_UNAVAILABLE' });
  await host.store.introduce(domid, 1n, evtchn(1));
  const guest = host.control.openGuestStore(domid);
  await expect(guest.read('/tool')).rejects.toMatchObject({ code: 'XENSTORE_ACCESS' });
  expect(await guest.getDomainPath(domid)).toBe(`/local/domain/${domid}`);
  await host.hypervisor.destroy(domid);
  await expect(guest.read('/tool')).rejects.toMatchObject({ code: 'XENSTORE_UNAVAILABLE' });
  await guest[Symbol.asyncDispose]();
  await early[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
});

test('the folder that a host makes for its device models goes with it', async () => {
  const host = await createSimHost();
  const { runFolder = '' } = host.services;
  await host.services.makeFolder(`${runFolder}/qemu-root-1`);
  expect(existsSync(runFolder)).toBe(true);
  await host[Symbol.asyncDispose]();
  expect(existsSync(runFolder)).toBe(false);
});
