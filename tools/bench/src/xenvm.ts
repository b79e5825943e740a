/**
 * The xenvm benchmark: one monitor of many VMs on an embedded host. What it needs for each VM is set beside what xl needs,
 * which keeps a process for each; the rest are times of its own with their targets.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { summarise, type Summary } from './statistics.ts';
import { TaskSocket } from './task-socket.ts';
import { MonitorArena, type BenchVm } from './xenvm-daemons.ts';

/** What `xl` keeps for each domain, in KiB of private memory: a process that waits for its end (Xen 4.17). */
const XL_PRIVATE_KIB = 563;
const TARGET_PER_VM_KIB = 102;
const TARGET_DEATH_MS = 10;
const FEW = 1;
const MANY = 100;
const MOST = 500;
const IDLE_MS = 10_000;
/** Until the collector of garbage has given back what starts have left. */
const SETTLE_MS = 15_000;
const REQUESTS = 5000;
/** Starts and stops after which what a monitor needs once, such as compiled code, is there. */
const WARM_UP = 50;

/** Prints a line for each figure, with its target where it has one. */
export async function xenvm(rounds: number, print: (line: string) => void): Promise<void> {
  await using arena = await MonitorArena.open();
  const memory = await measureMemory(arena, print);
  print(
    `private memory: ${memory.fewKib} KiB with ${FEW} VM, ${memory.manyKib} KiB with ${MANY}: ${memory.perVmKib.toFixed(0)} KiB for each more ` +
      `(target ${TARGET_PER_VM_KIB}; xl ${XL_PRIVATE_KIB}: ratio ${(memory.perVmKib / XL_PRIVATE_KIB).toFixed(2)})`,
  );
  print(`idle with ${MANY} VMs: ${await idleCpu(arena)} (target: none)`);
  await measureRequests(arena, rounds, print);
  await measureDeaths(arena, print);
  print(`idle with ${MOST} VMs: ${await idleCpu(arena)} (target: none)`);
}

interface MemoryFigures {
  readonly fewKib: number;
  readonly manyKib: number;
  readonly perVmKib: number;
}

/**
 * With guests that run, after they have started, of a monitor that has worked before. Tells how long starts side by side take by the
 * way.
 */
async function measureMemory(
  arena: MonitorArena,
  print: (line: string) => void,
): Promise<MemoryFigures> {
  await arena.serve(FEW);
  for (let count = 0; count < WARM_UP; count += 1) {
    await start(arena.vms);
    await Promise.all(arena.vms.map(({ socket }) => socket.call('destroy')));
  }
  await start(arena.vms);
  await sleep(SETTLE_MS);
  const fewKib = await arena.privateKib();
  await arena.serve(MANY);
  const seconds = await start(arena.vms.slice(FEW));
  print(
    `starts of ${MANY - FEW} VMs side by side: ${seconds.toFixed(2)} s until the last one runs, ` +
      `${(((MANY - FEW) / seconds) | 0).toFixed(0)}/s`,
  );
  await sleep(SETTLE_MS);
  const manyKib = await arena.privateKib();
  return { fewKib, manyKib, perVmKib: (manyKib - fewKib) / (MANY - FEW) };
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

/** From the call that makes a guest crash to the line about it at a listener; one guest after the other, among all of them. */
async function measureDeaths(arena: MonitorArena, print: (line: string) => void): Promise<void> {
  await arena.serve(MOST);
  const seconds = await start(arena.vms.slice(MANY));
  print(
    `starts of ${MOST - MANY} VMs side by side: ${seconds.toFixed(2)} s until the last one runs`,
  );
  const domains = new Map(
    (await arena.host.hypervisor.listDomains()).map(({ uuid, domid }) => [uuid as string, domid]),
  );
  await sleep(SETTLE_MS);
  const times: number[] = [];
  for (const { uuid } of arena.vms) {
    const domid = domains.get(uuid);
    if (domid === undefined) throw new Error(`VM ${uuid} does not run`);
    const told = new Promise<number>((resolve) => {
      arena.onTold = (line) => {
        if (line.uuid === uuid && line.message === 'error:crashed') resolve(line.atMs);
      };
    });
    const beganMs = performance.now();
    await arena.host.hypervisor.shutdown(domid, 'crash');
    times.push((await told) - beganMs);
  }
  const { median, p99, max } = summarise(times);
  print(
    `death to notification among ${MOST} VMs: median ${median.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms ` +
      `(target ${TARGET_DEATH_MS}), most ${max.toFixed(2)} ms`,
  );
}

function describe({ median, min, max }: Summary, unit: string): string {
  return `${median.toFixed(0)}${unit} (${min.toFixed(0)}-${max.toFixed(0)})`;
}
