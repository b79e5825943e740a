import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { vmUuid } from '@xenops/core/ids';
import { objectPath } from '@xenops/rpcgen/runtime';
import { startStandIn, type StandIn, type StandInVm } from '../clients/stand-in.test-helper.ts';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';
import { connectXenmgr, findErrorNumber, type Xenmgr } from './index.ts';
import { vmPath } from './names.ts';

const ONE = vmUuid('00000000-0000-0000-0000-000000000001');
const TWO = vmUuid('00000000-0000-0000-0000-000000000002');
const TIMEOUT_MS = 10_000;

let bus: PrivateBus;
let service: StandIn;
let xenmgr: Xenmgr;

const vms = (): readonly StandInVm[] => [
  {
    uuid: ONE,
    properties: { name: 'one', domid: 3, state: 'running' },
    disks: [{ 'virt-path': 'hda' }],
    nics: [{ mac: '00:16:3e:00:00:01' }, { mac: 'auto' }],
  },
  { uuid: TWO, properties: { name: 'two', domid: -1, state: 'stopped' } },
];

beforeEach(async () => {
  bus = await startPrivateBus();
  service = await startStandIn(bus.address, vms());
  xenmgr = await connectXenmgr({ address: bus.address, timeoutMs: TIMEOUT_MS });
});

afterEach(async () => {
  await xenmgr[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
  await bus[Symbol.asyncDispose]();
});

/** The next items of a stream. */
async function take<T>(stream: AsyncIterator<T>, count: number): Promise<readonly T[]> {
  const items: T[] = [];
  while (items.length < count) items.push((await stream.next()).value as T);
  return items;
}

/** Resolves when somebody has read the state of a VM, which a wait does once it listens. */
async function stateRead(uuid: string): Promise<void> {
  const values = service.valuesOf(uuid);
  const { state } = values;
  await new Promise<void>((resolve) => {
    const get = (): unknown => {
      resolve();
      return state;
    };
    Object.defineProperty(values, 'state', { get });
  });
}

test('VMs are listed and found by uuid, name and domid', async () => {
  expect(await xenmgr.listVms()).toEqual([
    { uuid: ONE, path: vmPath(ONE), name: 'one', domid: 3, state: 'running' },
    { uuid: TWO, path: vmPath(TWO), name: 'two', domid: undefined, state: 'stopped' },
  ]);
  expect((await xenmgr.getVm({ uuid: TWO })).path).toBe(vmPath(TWO));
  expect((await xenmgr.getVm({ name: 'two' })).uuid).toBe(TWO);
  expect((await xenmgr.getVm({ domid: 3 })).uuid).toBe(ONE);
  expect(await xenmgr.findVm({ name: 'three' })).toBeUndefined();
  await expect(xenmgr.getVm({ domid: 9 })).rejects.toMatchObject({
    code: 'XENMGR_NO_VM',
    context: { domid: 9 },
  });
});

test('a VM that is deleted while they are listed is left out', async () => {
  service.forget(ONE);
  expect((await xenmgr.listVms()).map(({ name }) => name)).toEqual(['two']);
  expect((await xenmgr.getVm({ name: 'two' })).uuid).toBe(TWO);
});

test('disks, network interfaces and the host have their properties', async () => {
  const vm = await xenmgr.getVm({ name: 'one' });
  const [disk] = await vm.disks();
  expect(disk?.path).toBe(`${vm.path}/disk/0`);
  expect(await disk?.properties.get('virt-path')).toBe('hda');
  const nics = await vm.nics();
  await nics[1]?.properties.set('mac', '00:16:3e:00:00:02');
  expect(await Promise.all(nics.map((nic) => nic.properties.get('mac')))).toEqual([
    '00:16:3e:00:00:01',
    '00:16:3e:00:00:02',
  ]);
  expect(await xenmgr.host.properties.get('total-mem')).toBe(4096);
});

test('an error reply has its historical number', async () => {
  const error: unknown = await (
    await xenmgr.getVm({ name: 'one' })
  )
    .start()
    .catch((one: unknown) => one);
  expect(findErrorNumber(error)).toBe(199);
  expect(findErrorNumber(new Error('204:x'))).toBeUndefined();
});

test('events come in order, those of the service among them', async () => {
  const stream = await xenmgr.events();
  const path = objectPath(vmPath(ONE));
  service.signals.emit('vm_created', ONE, path);
  service.signals.emit('vm_state_changed', ONE, path, 'creating', 0);
  service.signals.emit('cd_assignment_changed', '0:0:0:0', '', objectPath('/'));
  service.signals.emit('config_changed');
  service.signals.emit('vm_deleted', ONE, path);
  expect(await take(stream, 5)).toEqual([
    { kind: 'vm-created', uuid: ONE, path },
    { kind: 'vm-state', uuid: ONE, path, state: 'creating', acpiState: 0 },
    { kind: 'cd-drive', device: '0:0:0:0', uuid: undefined },
    { kind: 'config' },
    { kind: 'vm-deleted', uuid: ONE, path },
  ]);
  await service[Symbol.asyncDispose]();
  service = await startStandIn(bus.address, vms());
  service.signals.emit('language_changed');
  expect((await take(stream, 3)).map(({ kind }) => kind)).toEqual([
    'service-gone',
    'service-back',
    'language',
  ]);
  await stream.return?.();
});

test('only the kinds that are named arrive, until the signal fires', async () => {
  const stop = new AbortController();
  const stream = await xenmgr.events({ kinds: ['vm-deleted'], signal: stop.signal });
  const path = vmPath(ONE);
  service.signals.emit('vm_created', ONE, path);
  service.signals.emit('vm_deleted', ONE, path);
  expect((await take(stream, 1)).map(({ kind }) => kind)).toEqual(['vm-deleted']);
  stop.abort();
  expect((await stream.next()).done).toBe(true);
});

test('a state that is there already is not waited for', async () => {
  const vm = await xenmgr.getVm({ name: 'one' });
  expect(await vm.waitForState(['running'], { timeoutMs: TIMEOUT_MS })).toBe('running');
});

test('a state that comes is seen even when it passes at once', async () => {
  const vm = await xenmgr.getVm({ name: 'two' });
  const events = await xenmgr.events({ kinds: ['vm-state'] });
  const waiting = vm.waitForState(['rebooted', 'running'], { timeoutMs: TIMEOUT_MS });
  await stateRead(TWO);
  // Another VM's state does not count.
  service.signals.emit('vm_state_changed', ONE, vmPath(ONE), 'running', 0);
  service.signals.emit('vm_state_changed', TWO, vm.path, 'rebooted', 0);
  service.signals.emit('vm_state_changed', TWO, vm.path, 'creating', 0);
  await take(events, 3);
  expect(await waiting).toBe('rebooted');
});

test('waiting ends when the VM is deleted, at the deadline and when it is called off', async () => {
  const vm = await xenmgr.getVm({ name: 'two' });
  await expect(vm.waitForState(['running'], { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'TIMEOUT',
    context: { lastState: 'stopped' },
  });
  const stop = new AbortController();
  const called = vm.waitForState(['running'], { timeoutMs: TIMEOUT_MS, signal: stop.signal });
  stop.abort();
  await expect(called).rejects.toMatchObject({ code: 'ABORTED' });
  const waiting = vm.waitForState(['running'], { timeoutMs: TIMEOUT_MS });
  await stateRead(TWO);
  service.signals.emit('vm_deleted', TWO, vm.path);
  await expect(waiting).rejects.toMatchObject({ code: 'XENMGR_NO_VM' });
});

test('a restarted service is asked for the state anew', async () => {
  const vm = await xenmgr.getVm({ name: 'two' });
  const waiting = vm.waitForState(['running'], { timeoutMs: TIMEOUT_MS });
  await stateRead(TWO);
  await service[Symbol.asyncDispose]();
  service = await startStandIn(bus.address, [
    { uuid: TWO, properties: { name: 'two', domid: 4, state: 'running' } },
  ]);
  expect(await waiting).toBe('running');
});

test('a thousand VMs are listed without passing the limits of a bus', async () => {
  await service[Symbol.asyncDispose]();
  const many = Array.from({ length: 1000 }, (_, index) => ({
    uuid: `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`,
    properties: { name: `vm${index}`, domid: index, state: 'running' },
  }));
  service = await startStandIn(bus.address, many);
  const names = (await xenmgr.listVms()).map(({ name }) => name);
  expect(names).toEqual(many.map(({ properties }) => properties.name));
  expect((await xenmgr.getVm({ domid: 999 })).uuid).toBe(many.at(-1)?.uuid);
});
