import { expect, test } from '@jest/globals';
import { DOMID_FIRST_RESERVED, randomVmUuid } from '@xenops/core/ids';
import { VirtualClock } from '../time/virtual-clock.ts';
import { DomidAllocator } from './domid-allocator.ts';
import { createModel, type HypervisorModel } from './hypervisor-model.ts';

const model = (): HypervisorModel =>
  createModel(new VirtualClock(), { memoryKib: 1_048_576, cpuCount: 2, dom0MemoryKib: 262_144 });
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
  const { verbs: xen } = model();
  const first = await xen.createDomain(spec);
  await xen.destroy(first);
  expect(await xen.createDomain(spec)).toBe(first + 1);
});

test('idle time is that of the clock', () => {
  const clock = new VirtualClock(5000);
  const { verbs: xen } = createModel(clock, { cpuCount: 1 });
  clock.advance(1500);
  expect(xen.pcpuInfo()).toEqual([{ cpu: 0, idleNs: 1_500_000_000n }]);
});

test('all memory of the host is accounted for, and a host can be too full for one more domain', async () => {
  const { verbs: xen } = model();
  const before = (await xen.physInfo()).freeMemoryKib;
  const domids = [];
  for (;;) {
    try {
      domids.push(await xen.createDomain({ ...spec, maxVcpus: 512 }));
    } catch (error) {
      expect(error).toMatchObject({ code: 'HYPERVISOR_NO_MEMORY' });
      break;
    }
  }
  expect(domids.length).toBeGreaterThan(10);
  for (const domid of domids) await xen.destroy(domid);
  expect((await xen.physInfo()).freeMemoryKib).toBe(before);
});

test('a domain can be paused 255 times', async () => {
  const { verbs: xen } = model();
  const domid = await xen.createDomain(spec);
  for (let count = 1; count < 255; count += 1) await xen.pause(domid);
  expect(() => xen.pause(domid)).toThrow('paused 255 times');
});

test('listeners hear of each shutdown and each end once', async () => {
  const { xen: state, verbs: xen } = model();
  const heard: string[] = [];
  using _listening = state.listen({
    domainException: () => void heard.push('exception'),
    removed: ({ domid }) => void heard.push(`removed ${domid}`),
  });
  const domid = await xen.createDomain(spec);
  await xen.shutdown(domid, 'crash');
  await xen.shutdown(domid, 'poweroff');
  await xen.destroy(domid);
  expect(heard).toEqual(['exception', `removed ${domid}`, 'exception']);
});
