/** What a hostile guest tries to write: nodes of others, its own back-ends, and more than it may have. */
import { XenopsError } from '@xenops/core/errors';
import type { XenStore } from '@xenops/core/xenstore';
import type { GuestMachine } from './guest.ts';

/** More children than any quota of nodes allows (`quota-nodes`, 1000 by default). */
const FLOOD_NODES = 1200;

/** Tries each, and prints what came of it. */
export async function writeForeign(machine: GuestMachine, store: XenStore): Promise<void> {
  const { domid } = machine;
  const attempts = [
    '/local/domain/0/name',
    '/tool/xenstored/domid',
    `/libxl/${domid}/type`,
    `/local/domain/0/backend/vbd/${domid}/51712/params`,
    `/vm/forged`,
    'name',
    'domid',
    'console/tty',
    'device/vbd/0/backend',
  ];
  for (const path of attempts) await attempt(machine, path, () => store.write(path, 'forged'));
  await attempt(machine, 'data/flood', async () => {
    for (let index = 0; index < FLOOD_NODES; index += 1)
      await store.write(`data/flood/${index}`, '');
  });
}

async function attempt(
  machine: GuestMachine,
  what: string,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write();
    machine.print(`simulated guest: wrote ${what}\n`);
  } catch (error) {
    if (!(error instanceof XenopsError)) throw error;
    machine.print(`simulated guest: ${what}: ${String(error.code)}\n`);
  }
}
