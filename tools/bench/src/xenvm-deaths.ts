/**
 * From a guest's death to the notification at a listener: one guest after the other, at a steady rate while the monitor has other work, and many at
 * once. Beside it stands when xenstored has told a plain client, which is when a monitor can know: what lies between is the monitor's own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { summarise } from './statistics.ts';
import type { BenchVm, MonitorArena } from './xenvm-daemons.ts';

const TARGET_MS = 10;
/** Between deaths under load: 25 a second, whether the one before has been told or not. */
const APART_MS = 40;
/** Until the load is at its full height. */
const RAMP_MS = 2000;
/** VMs that are stopped and started all the time, one operation each; the rest can die. */
const BUSY_VMS = 4;
/** Deaths at once. */
const BURST = 50;
/** For a monitor to be done with what follows from deaths. */
const REST_MS = 3000;

/** Prints a line for each way to die. All VMs of the arena run before, and none of those that died after. */
export async function measureDeaths(
  arena: MonitorArena,
  print: (line: string) => void,
): Promise<void> {
  const report = (how: string, times: readonly number[]): void => {
    const { median, p99, max, count } = summarise(times);
    print(
      `${how}: median ${median.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms (target ${TARGET_MS}), most ${max.toFixed(2)} ms, n=${count}`,
    );
  };
  const told = (how: string, times: readonly DeathTimes[]): void =>
    report(
      `death to notification among ${arena.vms.length} VMs, ${how}`,
      times.map(({ toldMs }) => toldMs),
    );
  const busy = arena.vms.slice(0, BUSY_VMS);
  const mortal = arena.vms.slice(BUSY_VMS);
  const deaths = await deathsOf(arena, mortal);
  const usedMs = await arena.cpuMs();
  const alone = await oneByOne(deaths);
  told('one after the other', alone);
  report(
    'death to a watch of any client, in the same deaths',
    alone.map(({ knownMs }) => knownMs),
  );
  print(
    `processor time of the monitor for each death: ${(((await arena.cpuMs()) - usedMs) / alone.length).toFixed(2)} ms`,
  );
  await revive(mortal);
  told(`25 a second beside starts, stops and requests`, await underLoad(arena, mortal, busy));
  await revive(mortal);
  told(`${BURST} at once`, await inBursts(await deathsOf(arena, mortal)));
}

interface DeathTimes {
  /** Until its listener has heard it. */
  readonly toldMs: number;
  /** Until a client with a watch has heard that some domain has ended, which is this one when nothing else goes on. */
  readonly knownMs: number;
}

/** Makes a guest crash. */
type Death = () => Promise<DeathTimes>;

async function deathsOf(
  { host, hearsCrash, knowsEnd }: MonitorArena,
  vms: readonly BenchVm[],
): Promise<readonly Death[]> {
  const domains = new Map(
    (await host.hypervisor.listDomains()).map(({ uuid, domid }) => [uuid as string, domid]),
  );
  return vms.map(({ uuid }) => async () => {
    const domid = domains.get(uuid);
    if (domid === undefined) throw new Error(`VM ${uuid} does not run`);
    const [told, known] = [hearsCrash(uuid), knowsEnd()];
    const beganMs = performance.now();
    await host.hypervisor.shutdown(domid, 'crash');
    return { toldMs: (await told) - beganMs, knownMs: (await known) - beganMs };
  });
}

async function oneByOne(deaths: readonly Death[]): Promise<readonly DeathTimes[]> {
  const times: DeathTimes[] = [];
  for (const die of deaths) times.push(await die());
  return times;
}

async function underLoad(
  arena: MonitorArena,
  mortal: readonly BenchVm[],
  busy: readonly BenchVm[],
): Promise<readonly DeathTimes[]> {
  const deaths = await deathsOf(arena, mortal);
  const load = arena.startLoad(busy);
  await sleep(RAMP_MS);
  const times: Promise<DeathTimes>[] = [];
  for (const die of deaths) {
    times.push(die());
    await sleep(APART_MS);
  }
  const all = await Promise.all(times);
  await load();
  return all;
}

async function inBursts(deaths: readonly Death[]): Promise<readonly DeathTimes[]> {
  const times: DeathTimes[] = [];
  for (let first = 0; first < deaths.length; first += BURST) {
    times.push(...(await Promise.all(deaths.slice(first, first + BURST).map((die) => die()))));
    await sleep(REST_MS / 10);
  }
  return times;
}

async function revive(vms: readonly BenchVm[]): Promise<void> {
  await Promise.all(
    vms.map(async ({ socket }) => {
      await socket.call('destroy');
      await socket.call('start');
    }),
  );
  await sleep(REST_MS);
}
