/**
 * A guest that behaves towards the toolstack as a Linux guest does: announces what it can do, connects its front-ends,
 * balloons, acknowledges `control/shutdown` by emptying it before it obeys, and reacts to a power button. Words of its command
 * line make it misbehave (guest-tempers.ts).
 */
import { hasCode } from '@xenops/core/errors';
import type { XenStore } from '@xenops/core/xenstore';
import { followTarget } from './balloon.ts';
import { Frontends } from './frontends.ts';
import type { Guest, GuestMachine } from './guest.ts';
import { guestTemper, type GuestTemper } from './guest-tempers.ts';
import { obeyControl } from './shutdown-control.ts';
import { writeForeign } from './write-foreign.ts';

const FEATURES = ['poweroff', 'reboot', 'suspend'] as const;

export const linuxGuest: Guest = async (machine) => {
  const temper = guestTemper(machine.cmdline);
  await machine.runnable();
  if (machine.start === 'boot' && !boot(machine, temper)) return;
  const store = await machine.openStore();
  try {
    await machine.runnable();
    if (machine.start === 'boot') await announceFeatures(store);
    machine.idle();
    if (machine.start === 'boot') {
      machine.print('[    0.500000] Run /init as init process\n\nsimulated login: ');
    }
    if (temper.write === 'foreign') await writeForeign(machine, store);
    await live(machine, store, temper);
  } finally {
    await store[Symbol.asyncDispose]();
  }
};

/** Everything at once, until the guest has shut down. */
async function live(machine: GuestMachine, store: XenStore, temper: GuestTemper): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([machine.signal, over.signal]);
  const frontends = new Frontends({ machine, store, temper, signal });
  const untilOver = async (part: Promise<void>): Promise<void> => {
    try {
      await part;
    } catch (error) {
      if (!over.signal.aborted) throw error;
    }
  };
  const parts = [
    untilOver(frontends.run()),
    untilOver(followTarget({ machine, store, temper, signal })),
    untilOver(endByItself(machine, temper, over)),
  ];
  try {
    await Promise.race([
      obeyControl({ machine, store, temper, signal, onResumed: () => frontends.reconnect() }),
      ...parts.map(async (part) => part.then(() => new Promise<void>(() => undefined))),
    ]);
  } finally {
    over.abort();
    await Promise.all(parts);
  }
}

/** Says what a kernel says; whether the boot goes well. */
function boot(machine: GuestMachine, temper: GuestTemper): boolean {
  const { cmdline, memoryKib, vcpuCount, guestType } = machine;
  const print = (text: string): void => machine.print(text);
  print('[    0.000000] Linux version 6.1.0-simulated (a scripted guest, nothing is executed)\n');
  print(`[    0.000000] Command line: ${cmdline}\n`);
  print(`[    0.000000] Memory: ${memoryKib}K available\n`);
  const mode = { pv: 'Xen PV', pvh: 'Xen PVH', hvm: 'Xen HVM' }[guestType];
  print(`[    0.100000] Booting paravirtualized kernel on ${mode}\n`);
  print(`[    0.300000] smp: Brought up 1 node, ${vcpuCount} CPU${vcpuCount === 1 ? '' : 's'}\n`);
  if (temper.boot === 'ok') return true;
  if (temper.boot === 'hang') return false;
  print(`[    0.400000] simulated guest: sim.boot=${temper.boot}\n`);
  machine.shutdown(temper.boot);
  return false;
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

async function endByItself(
  machine: GuestMachine,
  { end, lifeMs }: GuestTemper,
  over: AbortController,
): Promise<void> {
  if (end === 'none') return;
  await machine.sleep(lifeMs);
  await machine.runnable();
  if (!over.signal.aborted) machine.shutdown(end);
}
