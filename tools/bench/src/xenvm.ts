/**
 * The xenvm benchmark: one monitor of many VMs on an embedded host. What it needs for each VM is set beside what xl needs,
 * which keeps a process for each; the rest are times of its own with their targets.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { chosenParts } from './parts.ts';
import { summarise, type Summary } from './statistics.ts';
import { TaskSocket } from './task-socket.ts';
import { MonitorArena, type BenchVm } from './xenvm-daemons.ts';
import { measureDeaths } from './xenvm-deaths.ts';

/** What `xl` keeps for each domain, in KiB of private memory: a process that waits for its end (Xen 4.17). */
const XL_PRIVATE_KIB = 563;
const TARGET_PER_VM_KIB = 102;
/** As a host fills up: VMs that run. */
const FEW = 1;
const MANY = 100;
const MOST = 500;
const IDLE_MS = 10_000;
/** Until the collector of garbage has given back what starts have left. */
const SETTLE_MS = 15_000;
const REQUESTS = 5000;

/** What can be measured by itself. */
const PARTS = ['memory', 'requests', 'deaths'] as const;

/** Prints a line for each figure, with its target where it has one; with `only`, those of this part. Throws RangeError for a part that there is not. */
export async function xenvm(
  rounds: number,
  print: (line: string) => void,
  only?: string,
): Promise<void> {
  const parts = chosenParts(PARTS, only);
  await using arena = await MonitorArena.open();
  if (parts.includes('memory')) await measureMemory(arena, print);
  else await fill(arena, parts.includes('deaths') ? MOST : FEW);
  if (parts.includes('requests')) await measureRequests(arena, rounds, print);
  if (!parts.includes('deaths')) return;
  await measureDeaths(arena, print);
  await sleep(SETTLE_MS);
  print(`idle with ${MOST} VMs, after deaths: ${await idleCpu(arena)} (target: none)`);
}

/** Memory of a monitor from its first VM on, as VMs are added and started; and how long starts side by side take, by the way. */
async function measureMemory(arena: MonitorArena, print: (line: string) => void): Promise<void> {
  await fill(arena, FEW);
  let before = { count: FEW, kib: await arena.privateKib() };
  print(`private memory: ${before.kib} KiB with ${FEW} VM`);
  for (const count of [MANY, MOST]) {
    const seconds = await fill(arena, count);
    const kib = await arena.privateKib();
    const added = count - before.count;
    const perVmKib = (kib - before.kib) / added;
    print(
      `private memory: ${kib} KiB with ${count} VMs: ${perVmKib.toFixed(0)} KiB for each more than ${before.count} ` +
        `(target ${TARGET_PER_VM_KIB}; xl ${XL_PRIVATE_KIB}: ratio ${(perVmKib / XL_PRIVATE_KIB).toFixed(2)})`,
    );
    print(
      `starts of ${added} VMs side by side: ${seconds.toFixed(2)} s until the last one runs, ` +
        `${Math.floor(added / seconds)}/s`,
    );
    print(`idle with ${count} VMs: ${await idleCpu(arena)} (target: none)`);
    before = { count, kib };
  }
}

/** Has so many VMs run, and waits until the monitor has come to rest. Gives the seconds of the starts. */
async function fill(arena: MonitorArena, count: number): Promise<number> {
  const first = arena.vms.length;
  await arena.serve(count);
  const seconds = await start(arena.vms.slice(first));
  await sleep(SETTLE_MS);
  return seconds;
}

/** Seconds until all of them run. */
async function start(vms: readonly BenchVm[]): Promise<number> {
  const beganMs = performance.now();
  await Promise.all(vms.map(({ socket }) => socket.call('start')));
  return (performance.now() - beganMs) / 1000;
}

async function idleCpu(arena: MonitorArena): Promise<string> {
  await sleep(1000);
  const before = await arena.cpuMs();
  await sleep(IDLE_MS);
  const usedMs = (await arena.cpuMs()) - before;
  return `${usedMs.toFixed(1)} ms of processor time in ${IDLE_MS / 1000} s`;
}

async function measureRequests(
  arena: MonitorArena,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  const [vm] = arena.vms;
  if (vm === undefined) throw new Error('There is no VM');
  const contests = [
    ['one at a time', () => oneByOne(vm.socket)],
    ['64 in flight', () => allAtOnce(vm.socket)],
    ['a connection each', () => connectionEach(arena.socketPath(`vm-${vm.uuid}`))],
  ] as const;
  for (const [title, run] of contests) {
    const rates: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const rate = await run();
      // The first round warms up.
      if (round > 0) rates.push(rate);
    }
    print(`requests, ${title}: ${describe(summarise(rates), '/s')}`);
  }
}

async function oneByOne(socket: TaskSocket): Promise<number> {
  const beganMs = performance.now();
  for (let count = 0; count < REQUESTS; count += 1) await socket.call('get-status');
  return perSecond(REQUESTS, beganMs);
}

async function allAtOnce(socket: TaskSocket): Promise<number> {
  const beganMs = performance.now();
  const calls = Array.from({ length: REQUESTS }, () => socket.call('get-status'));
  await Promise.all(calls);
  return perSecond(REQUESTS, beganMs);
}

/** As old clients do. */
async function connectionEach(socketPath: string): Promise<number> {
  const count = REQUESTS / 10;
  const beganMs = performance.now();
  for (let done = 0; done < count; done += 1) {
    using socket = await TaskSocket.open(socketPath);
    await socket.call('get-status');
  }
  return perSecond(count, beganMs);
}

const perSecond = (count: number, beganMs: number): number =>
  (count * 1000) / (performance.now() - beganMs);

function describe({ median, min, max }: Summary, unit: string): string {
  return `${median.toFixed(0)}${unit} (${min.toFixed(0)}-${max.toFixed(0)})`;
}
