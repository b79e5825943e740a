/** A back-end for the console of a test's guest, written on event channels and a grant. */
import assert from 'node:assert/strict';
import type { EventChannels, Hypervisor, MappedMemory } from '@xenops/core/hypervisor';
import type { Evtchn } from '@xenops/core/ids';
import type { PvGuest } from './pv-guest.ts';

/** Reserved for the console (xen/include/public/grant_table.h). */
export const CONSOLE_GRANT = 0;
/** Of `xencons_interface`, xen/include/public/io/console.h. */
const OUT_OFFSET = 1024;
const OUT_BYTES = 2048;
const OUT_CONS_OFFSET = 3080;
const OUT_PROD_OFFSET = 3084;
const BOOT_TIMEOUT_MS = 120_000;

type Booting = Pick<Hypervisor, 'openRings' | 'unpause'>;

/** Lets a new guest run until it has said `words` on its console, and tells all that it said. */
export async function bootUntil(
  hypervisor: Booting,
  guest: PvGuest,
  words: string,
): Promise<string> {
  await using rings = await hypervisor.openRings();
  const channels = await rings.openEventChannels();
  const port = await channels.bindInterdomain(guest.domid, guest.consoleEvtchn);
  using ring = await rings.mapGrants(guest.domid, [CONSOLE_GRANT], { writable: true });
  await hypervisor.unpause(guest.domid);
  return await readUntil(words, { channels, port, ring });
}

/** Takes what the guest has written from its console ring. */
function takeText({ bytes }: MappedMemory): string {
  const view = new DataView(bytes.buffer);
  const produced = view.getUint32(OUT_PROD_OFFSET, true);
  let consumed = view.getUint32(OUT_CONS_OFFSET, true);
  const length = (produced - consumed) >>> 0;
  assert.ok(length <= OUT_BYTES);
  let text = '';
  for (; consumed !== produced; consumed = (consumed + 1) >>> 0) {
    text += String.fromCharCode(bytes[OUT_OFFSET + (consumed % OUT_BYTES)] ?? 0);
  }
  view.setUint32(OUT_CONS_OFFSET, consumed, true);
  return text;
}

/** Serves the console until the guest has said `words`. */
async function readUntil(
  words: string,
  { channels, port, ring }: { channels: EventChannels; port: Evtchn; ring: MappedMemory },
): Promise<string> {
  const signal = AbortSignal.timeout(BOOT_TIMEOUT_MS);
  let text = '';
  for (;;) {
    text += takeText(ring);
    if (text.includes(words)) return text;
    await channels.notify(port);
    await channels.wait(port, { signal });
  }
}
