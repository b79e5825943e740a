import { expect, test } from '@jest/globals';
import { DOMID_FIRST_RESERVED, randomVmUuid } from '@xenops/core/ids';
import { VirtualClock } from '../time/virtual-clock.ts';
import { DomidAllocator } from './domid-allocator.ts';
import { HypervisorModel } from './hypervisor-model.ts';

const model = (): HypervisorModel =>
  new HypervisorModel({
    clock: new VirtualClock(),
    memoryKib: 1_048_576,
    cpuCount: 2,
    dom0MemoryKib: 262_144,
  });
const spec = { uuid: randomVmUuid(), guestType: 'pv', maxVcpus: 1 } as const;

test('domids go up, past those in use, and begin again after the last', () => {
  const allocator = new DomidAllocator();
  const used = new Set([2]);
  const next = (): number | undefined => allocator.next((domid) => used.has(domid));
  expect([next(), next(), next()]).toEqual([1, 3, 4]);
  for (let domid = 5; domid < DOMID_FIRST_RESERVED; domid += 1) next();
  expect(next()).toBe(1);
  expect(allocator.next(() => true)).toBeUndefined();
});

test('a freed domid is not the next to be given', async () => {
  const xen = model();
  const first = xen.createDomain(spec);
  await xen.destroy(first);
  expect(xen.createDomain(spec)).toBe(first + 1);
});

test('idle time is that of the clock', () => {
  const clock = new VirtualClock(5000);
  const xen = new HypervisorModel({
    clock,
    memoryKib: 1_048_576,
    cpuCount: 1,
    dom0MemoryKib: 262_144,
  });
  clock.advance(1500);
  expect(xen.pcpuInfo()).toEqual([{ cpu: 0, idleNs: 1_500_000_000n }]);
});

test('all memory of the host is accounted for, and a host can be too full for one more domain', async () => {
  const xen = model();
  const before = xen.physInfo().freeMemoryKib;
  const domids = [];
  for (;;) {
    try {
      domids.push(xen.createDomain({ ...spec, maxVcpus: 512 }));
    } catch (error) {
      expect(error).toMatchObject({ code: 'HYPERVISOR_NO_MEMORY' });
      break;
    }
  }
  expect(domids.length).toBeGreaterThan(10);
  for (const domid of domids) await xen.destroy(domid);
  expect(xen.physInfo().freeMemoryKib).toBe(before);
});

test('a domain can be paused 255 times', () => {
  const xen = model();
  const domid = xen.createDomain(spec);
  for (let count = 1; count < 255; count += 1) xen.pause(domid);
  expect(() => xen.pause(domid)).toThrow('paused 255 times');
});

test('listeners hear of each shutdown and each end once', async () => {
  const xen = model();
  const heard: string[] = [];
  using _listening = xen.listen({
    domainException: () => void heard.push('exception'),
    runnableChanged: () => undefined,
    removed: ({ domid }) => void heard.push(`removed ${domid}`),
  });
  const domid = xen.createDomain(spec);
  xen.shutdown(domid, 'crash');
  xen.shutdown(domid, 'poweroff');
  await xen.destroy(domid);
  expect(heard).toEqual(['exception', `removed ${domid}`, 'exception']);
});
