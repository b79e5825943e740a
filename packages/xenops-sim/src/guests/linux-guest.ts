/**
 * A guest that behaves towards the toolstack as a Linux PV guest does (drivers/xen/manage.c): announces what it can do,
 * and acknowledges `control/shutdown` by emptying it before it obeys. Words of its command line make it misbehave.
 */
import { hasCode } from '@xenops/core/errors';
import type { ShutdownReason } from '@xenops/core/hypervisor';
import type { XenStore } from '@xenops/core/xenstore';
import type { Guest, GuestMachine } from './guest.ts';

/** Words of the command line that change how a simulated guest behaves. */
export interface GuestTemper {
  /** `sim.boot=`: `hang` never reaches xenstore; the others end the boot that way. */
  readonly boot: 'ok' | 'hang' | 'crash' | 'poweroff' | 'reboot';
  /** `sim.shutdown=`: `ignore` does not react; `acknowledge` empties the node and goes on running. */
  readonly shutdown: 'obey' | 'ignore' | 'acknowledge';
}

const BOOTS = ['ok', 'hang', 'crash', 'poweroff', 'reboot'] as const;
const SHUTDOWNS = ['obey', 'ignore', 'acknowledge'] as const;
const FEATURES = ['poweroff', 'reboot', 'suspend'] as const;

/** What a request in `control/shutdown` makes a guest do; `halt` is still understood. */
const REQUESTS: ReadonlyMap<string, ShutdownReason> = new Map([
  ['poweroff', 'poweroff'],
  ['halt', 'poweroff'],
  ['reboot', 'reboot'],
  ['suspend', 'suspend'],
]);

/** Cpu time that a boot takes, for whoever looks at the domain. */
export const BOOT_CPU_TIME_NS = 400_000_000n;

/** The temper that a command line asks for; unknown words are the guest's own and mean nothing. */
export function guestTemper(cmdline: string): GuestTemper {
  const words = cmdline.split(/\s+/);
  const choose = <T extends string>(key: string, choices: readonly [T, ...T[]]): T => {
    const word = words.findLast((candidate) => candidate.startsWith(`sim.${key}=`));
    return choices.find((choice) => word === `sim.${key}=${choice}`) ?? choices[0];
  };
  return { boot: choose('boot', BOOTS), shutdown: choose('shutdown', SHUTDOWNS) };
}

export const linuxGuest: Guest = async (machine) => {
  const temper = guestTemper(machine.cmdline);
  await machine.runnable();
  printBootLog(machine);
  if (temper.boot === 'hang') return;
  if (temper.boot !== 'ok') {
    machine.print(`[    0.400000] simulated guest: sim.boot=${temper.boot}\n`);
    machine.shutdown(temper.boot);
    return;
  }
  const store = await machine.openStore();
  try {
    await machine.runnable();
    await announceFeatures(store);
    machine.idle();
    machine.print('[    0.500000] Run /init as init process\n\nsimulated login: ');
    await obeyShutdown(machine, store, temper);
  } finally {
    await store[Symbol.asyncDispose]();
  }
};

function printBootLog(machine: GuestMachine): void {
  const { cmdline, memoryKib, vcpuCount } = machine;
  const print = (text: string): void => machine.print(text);
  print('[    0.000000] Linux version 6.1.0-simulated (a scripted guest, nothing is executed)\n');
  print(`[    0.000000] Command line: ${cmdline}\n`);
  print(`[    0.000000] Memory: ${memoryKib}K available\n`);
  print('[    0.100000] Booting paravirtualized kernel on Xen PV\n');
  print(`[    0.300000] smp: Brought up 1 node, ${vcpuCount} CPU${vcpuCount === 1 ? '' : 's'}\n`);
}

/** Says what the guest can be asked for. A toolstack that has not made the nodes for it gets no answer. */
async function announceFeatures(store: XenStore): Promise<void> {
  for (const feature of FEATURES) {
    try {
      await store.write(`control/feature-${feature}`, '1');
    } catch (error) {
      if (!hasCode(error, 'XENSTORE_ACCESS')) throw error;
    }
  }
}

async function obeyShutdown(
  machine: GuestMachine,
  store: XenStore,
  temper: GuestTemper,
): Promise<void> {
  const watch = await store.watch('control/shutdown', { signal: machine.signal });
  for await (const _event of watch) {
    await machine.runnable();
    if (temper.shutdown === 'ignore') continue;
    const request = await takeRequest(store);
    if (request === undefined) continue;
    const reason = REQUESTS.get(request);
    if (reason === undefined) {
      machine.print(`\n[    1.000000] xen:manage: Ignoring shutdown request: ${request}\n`);
      continue;
    }
    machine.print(`\n[    1.000000] simulated guest: ${request} requested\n`);
    if (temper.shutdown === 'acknowledge') continue;
    machine.shutdown(reason);
    // After a suspend the guest goes on here, when it may run again.
    if (reason !== 'suspend') return;
  }
}

/** The request, which is emptied to acknowledge it; undefined when there is none. */
async function takeRequest(store: XenStore): Promise<string | undefined> {
  return store.transaction(async (tree) => {
    const request = await tree.find('control/shutdown');
    if (request === undefined || request === '') return undefined;
    await tree.write('control/shutdown', '');
    return request;
  });
}
