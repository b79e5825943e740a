/**
 * The xenmgr benchmark: the manager of VMs on an embedded host, over D-Bus as its clients meet it. Figures of its own with
 * their targets; durable writes beside what the same file system does in a bare loop.
 */
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { summarise, type Summary } from './statistics.ts';
import {
  benchPath,
  benchUuid,
  ManagerHost,
  XENMGR,
  type Method,
  type Settings,
} from './xenmgr-host.ts';

const COUNTS = [10, 100, 1000] as const;
const TARGET_START_S = 2;
const TARGET_MEMORY_MIB = 150;
const CALLS = 200;
const CREATED = 50;
const STARTED = 50;
/** Each of these is needed by the VMs between it and the next. */
const BACKEND_EVERY = 10;
const WRITES = 500;
/** Calls that wait for their answer at a time, where they do not come one by one. */
const TOGETHER = 64;
/** Until the collector of garbage has given back what the start has left. */
const SETTLE_MS = 5000;

const VM_INTERFACE = `${XENMGR}.vm`;
const LIST: Method = { path: '/', interface: XENMGR, member: 'list_vms', output: 'ao' };
const CREATE: Method = {
  ...{ path: '/', interface: XENMGR, member: 'create_vm_with_template_and_json' },
  ...{ input: 'ss', output: 'o' },
};
const WRITE: Method = {
  path: '/',
  interface: 'com.citrix.xenclient.db',
  member: 'write',
  input: 'ss',
};
const getAll = (at: string): Method => ({
  ...{ path: at, interface: 'org.freedesktop.DBus.Properties', member: 'GetAll' },
  ...{ input: 's', output: 'a{sv}' },
});

type Print = (line: string) => void;

/** Prints a line for each figure, with its target where it has one. */
export async function xenmgr(rounds: number, print: Print): Promise<void> {
  for (const count of COUNTS) await measureMany(count, rounds, print);
  await measureStarts(rounds, print);
}

/** With so many VMs, none of which runs. */
async function measureMany(count: number, rounds: number, print: Print): Promise<void> {
  await using host = await ManagerHost.open();
  const vms = new Map(
    Array.from({ length: count }, (_, index) => [benchUuid(index), settings(host, index)] as const),
  );
  await host.startManager(['--import', await host.writeVms(vms)]);
  await host.stopManager();
  print(`${count} VMs`);
  const isMost = count === COUNTS.at(-1);
  const target = isMost ? ` (target ${TARGET_START_S} s)` : '';
  print(
    `  start until the name is there: ${describe(await startTimes(host, rounds), 'ms')}${target}`,
  );
  await sleep(SETTLE_MS);
  const fresh = await host.memoryMib();
  print(`  list_vms: ${describe(await times(CALLS, () => host.call(LIST)), 'ms')}`);
  const all = await times(CALLS, (at) => host.call(getAll(benchPath(at % count)), VM_INTERFACE));
  print(`  GetAll of a VM: ${describe(all, 'ms')}`);
  const everyVm = await seconds(() =>
    together(count, (at) => host.call(getAll(benchPath(at)), VM_INTERFACE)),
  );
  print(`  GetAll of every VM, up to ${TOGETHER} at a time: ${(everyVm * 1000).toFixed(0)} ms`);
  await measureCreation(host, print);
  if (isMost) await measureWrites(host, print);
  await sleep(SETTLE_MS);
  const used = await host.memoryMib();
  const memoryTarget = isMost ? ` (target ${TARGET_MEMORY_MIB} MiB)` : '';
  print(
    `  memory, private and resident: ${mib(fresh)} after the start, ${mib(used)} after all of this${memoryTarget}`,
  );
}

async function startTimes(host: ManagerHost, rounds: number): Promise<Summary> {
  const found: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await host.stopManager();
    found.push(await host.startManager(['--no-autostart']));
  }
  return summarise(found);
}

async function measureCreation(host: ManagerHost, print: Print): Promise<void> {
  const json = JSON.stringify(settings(host, 0));
  const paths: string[] = [];
  const create = async (): Promise<void> => {
    const [created] = await host.call(CREATE, 'new-vm-empty', json);
    paths.push(String(created));
  };
  print(`  create: ${describe(await times(CREATED, create), 'ms')}`);
  const remove = async (at: number): Promise<void> => {
    const method = { path: paths[at] ?? '', interface: VM_INTERFACE, member: 'delete' };
    await host.call(method);
  };
  print(`  delete: ${describe(await times(CREATED, remove), 'ms')}`);
}

/** Each is answered when it is on the disk. */
async function measureWrites(host: ManagerHost, print: Print): Promise<void> {
  const write = (at: number): Promise<unknown> =>
    host.call(WRITE, `/vm/${benchUuid(at % 1000)}/bench`, String(at));
  const alone = WRITES / (await seconds(() => times(WRITES, write)));
  const many = (WRITES * 4) / (await seconds(() => together(WRITES * 4, write)));
  const bare = WRITES / (await seconds(() => bareWrites(host.folder)));
  print(
    `  database writes on disk, one at a time: ${alone.toFixed(0)}/s; write and fdatasync in a bare loop: ${bare.toFixed(0)}/s`,
  );
  print(`  database writes on disk, ${TOGETHER} at a time: ${many.toFixed(0)}/s`);
}

async function bareWrites(folder: string): Promise<void> {
  const file = path.join(folder, 'bare');
  const handle = await open(file, 'w');
  try {
    for (let count = 0; count < WRITES; count += 1) {
      await handle.write('a record of the database, more or less: 100 bytes of text'.padEnd(100));
      await handle.datasync();
    }
  } finally {
    await handle.close();
    await rm(file);
  }
}

/** VMs that start by themselves, those that are needed before those that need them. */
async function measureStarts(rounds: number, print: Print): Promise<void> {
  const found: number[] = [];
  for (let round = 0; round < Math.min(rounds, 3); round += 1) found.push(await startAll());
  const { median, min, max } = summarise(found);
  const backends = STARTED / BACKEND_EVERY;
  print(
    `start of ${STARTED} VMs by themselves, ${backends} of them needed by the others: ${median.toFixed(1)} s ` +
      `(${min.toFixed(1)}-${max.toFixed(1)}) until the last one runs`,
  );
}

/** Seconds from a manager that serves until all of them run. */
async function startAll(): Promise<number> {
  await using host = await ManagerHost.open();
  const vms = new Map<string, Settings>();
  for (let at = 0; at < STARTED; at += 1) {
    const needed = at - (at % BACKEND_EVERY);
    const needs = { 'track-dependencies': 'true', 'depends-on': [benchUuid(needed)] };
    const start = { start_on_boot: 'true', ...(needed === at ? {} : needs) };
    vms.set(benchUuid(at), { ...settings(host, at), ...start });
  }
  const folder = await host.writeVms(vms);
  const running = new Set<string>();
  let onAll: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    onAll = resolve;
  });
  await host.bus.subscribe({ interface: XENMGR, member: 'vm_state_changed' }, ({ args }) => {
    if (args[2] === 'running') running.add(String(args[0]));
    if (running.size === STARTED) onAll();
  });
  await host.startManager(['--import', folder]);
  return await seconds(() => all);
}

function settings({ kernel }: ManagerHost, index: number): Settings {
  const config = { 'virt-type': 'pvh', memory: '8', kernel, cmdline: 'console=hvc0' };
  return { name: `vm-${index}`, type: 'svm', slot: '0', config };
}

async function times(count: number, act: (at: number) => Promise<unknown>): Promise<Summary> {
  const found: number[] = [];
  for (let at = 0; at < count; at += 1) found.push((await seconds(() => act(at))) * 1000);
  return summarise(found);
}

/** Does it for each number, so many at a time. */
async function together(count: number, act: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await act(at);
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
}

async function seconds(act: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await act();
  return (performance.now() - beganMs) / 1000;
}

function describe({ median, p99, min, max }: Summary, unit: string): string {
  return `${median.toFixed(2)} ${unit} (${min.toFixed(2)}-${max.toFixed(2)}, p99 ${p99.toFixed(2)})`;
}

function mib(memory: { readonly private: number; readonly resident: number }): string {
  return `${memory.private.toFixed(0)} and ${memory.resident.toFixed(0)} MiB`;
}
