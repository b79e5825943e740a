/** A simulated host as the toolstack has it, and everything that an operation on it could leave behind. */
import { attachDevice, type DeviceDescription } from '@xenops/core/devices';
import { buildDomain, createDomain } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { randomVmUuid, type Domid } from '@xenops/core/ids';
import { listTree } from '@xenops/core/xenstore';
import type { SimHost } from '../sim-host.ts';
import { settle } from '../testing/sim-guest.test-helper.ts';
import type { VirtualClock } from '../time/virtual-clock.ts';

/** The host for the toolstack's own operations. */
export function hostOf(sim: SimHost): Host {
  return { ...sim, uri: 'sim:' };
}

/** A PV guest that has been built and stays paused, made by the toolstack's own operations. */
export async function makeGuest(
  host: Host,
  kernelPath: string,
  { name, cmdline = '' }: { readonly name?: string; readonly cmdline?: string } = {},
): Promise<Domid> {
  const domid = await createDomain(host, {
    uuid: randomVmUuid(),
    guestType: 'pv',
    name,
    maxVcpus: 1,
  });
  await buildDomain(host, domid, {
    kind: 'pv',
    kernelPath,
    cmdline,
    memoryKib: 16_384,
    vcpus: 1,
  });
  return domid;
}

/** Attaches each, one after the other. */
export async function attachAll(
  host: Host,
  descriptions: readonly DeviceDescription[],
): Promise<void> {
  for (const description of descriptions) await attachDevice(host, description);
}

/** Longer than all waits of an operation together. */
const LONGEST_WAIT_MS = 90_000;
const STEP_MS = 500;

/** Turns the clock on until the work is done, and tells how long it took. Rejects as the work does, or when that never ends. */
export async function passTime(clock: VirtualClock, work: Promise<unknown>): Promise<number> {
  const over = new AbortController();
  const end = (): void => over.abort();
  work.then(end, end);
  const startMs = clock.nowMs();
  await settle();
  while (!over.signal.aborted) {
    if (clock.nowMs() - startMs > LONGEST_WAIT_MS) throw new Error('It waits for ever');
    clock.advance(STEP_MS);
    await settle();
  }
  await work;
  return clock.nowMs() - startMs;
}

/** What must be the same again, whatever has happened in between. */
export interface Counts {
  readonly nodes: Readonly<Record<string, string>>;
  readonly domids: readonly number[];
  readonly freeMemoryKib: number;
  readonly claimedMemoryKib: number;
  readonly loops: readonly string[];
  readonly links: readonly string[];
  readonly processes: readonly number[];
  readonly files: readonly string[];
}

/** Looks at all of it. */
export async function countAll({ hypervisor, store, control }: SimHost): Promise<Counts> {
  const { machine } = control;
  const memory = await hypervisor.physInfo();
  return {
    nodes: Object.fromEntries(await listTree(store, '/')),
    domids: (await hypervisor.listDomains()).map(({ domid }) => domid),
    freeMemoryKib: memory.freeMemoryKib + memory.scrubMemoryKib,
    claimedMemoryKib: memory.outstandingMemoryKib,
    // One that is not kept yet vanishes with the process that set it up.
    loops: [...machine.loops.values()].flatMap(({ filePath, isKept }) =>
      isKept ? [filePath] : [],
    ),
    links: [...machine.links.keys()],
    processes: [...machine.processes.keys()],
    // Logs and the history of domids are bounded and stay.
    files: [...machine.files.keys()].filter((file) => !/\.log$|\/domid-history$/.test(file)),
  };
}
