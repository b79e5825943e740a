/** How a guest takes requests: `control/shutdown` as Linux does (drivers/xen/manage.c), and the buttons of a machine. */
import { hasCode } from '@xenops/core/errors';
import type { ShutdownReason } from '@xenops/core/hypervisor';
import type { XenStore } from '@xenops/core/xenstore';
import type { GuestMachine } from './guest.ts';
import type { GuestTemper } from './guest-tempers.ts';

export interface GuestLife {
  readonly machine: GuestMachine;
  readonly store: XenStore;
  readonly temper: GuestTemper;
  /** Fires when the guest's life is over. */
  readonly signal: AbortSignal;
}

/** What a request in `control/shutdown` makes a guest do; `halt` is still understood. */
const REQUESTS: ReadonlyMap<string, ShutdownReason> = new Map([
  ['poweroff', 'poweroff'],
  ['halt', 'poweroff'],
  ['reboot', 'reboot'],
  ['suspend', 'suspend'],
]);

/** Obeys until the guest has shut down. */
export async function obeyControl(
  life: GuestLife & { readonly onResumed: () => Promise<void> },
): Promise<void> {
  const { machine, store, signal } = life;
  const button = pressedPower(life);
  const watch = await store.watch('control/shutdown', { signal });
  const obeyed = (async (): Promise<void> => {
    for await (const _event of watch) {
      await machine.runnable();
      if (await obeyOne(life)) return;
    }
  })();
  try {
    await Promise.race([obeyed, button.pressed]);
  } finally {
    button.listening[Symbol.dispose]();
    await watch[Symbol.asyncDispose]();
    await obeyed.catch((error: unknown) => {
      if (!hasCode(error, 'ABORTED', 'XENSTORE_CLOSED')) throw error;
    });
  }
}

/** A hardware container without a request in xenstore powers off at its button. */
function pressedPower({ machine, temper }: GuestLife): {
  readonly pressed: Promise<void>;
  readonly listening: Disposable;
} {
  let press: () => void = () => undefined;
  const pressed = new Promise<void>((resolve) => {
    press = resolve;
  });
  const listening = machine.onTrigger((trigger) => {
    machine.print(`\n[    1.000000] simulated guest: the ${trigger} button\n`);
    if (trigger !== 'power' || temper.shutdown !== 'obey') return;
    machine.shutdown('poweroff');
    press();
  });
  return { pressed, listening };
}

/** Takes a request if there is one; whether that was the end. */
async function obeyOne(
  life: GuestLife & { readonly onResumed: () => Promise<void> },
): Promise<boolean> {
  const { machine, store, temper } = life;
  const request = await store.find('control/shutdown');
  if (request === undefined || request === '') return false;
  const reason = REQUESTS.get(request);
  const mood = reason === 'suspend' ? temper.suspend : temper.shutdown;
  if (mood === 'ignore' || !(await acknowledge(store, request))) return false;
  if (reason === undefined) {
    machine.print(`\n[    1.000000] xen:manage: Ignoring shutdown request: ${request}\n`);
    return false;
  }
  machine.print(`\n[    1.000000] simulated guest: ${request} requested\n`);
  if (mood === 'acknowledge') return false;
  if (mood === 'crash') {
    machine.shutdown('crash');
    return true;
  }
  if (reason === 'suspend') {
    const wokenBy = await machine.suspend();
    machine.print(`[    2.000000] simulated guest: ${wokenBy}\n`);
    if (wokenBy === 'resumed') await life.onResumed();
    return false;
  }
  machine.shutdown(reason);
  return true;
}

/** Empties the request; whether it was still there. */
async function acknowledge(store: XenStore, request: string): Promise<boolean> {
  return store.transaction(async (tree) => {
    if ((await tree.find('control/shutdown')) !== request) return false;
    await tree.write('control/shutdown', '');
    return true;
  });
}
