/** What guests write into xenstore, heard for as long as the manager runs. */
import { HostEvents, type HostEvent } from '@xenops/core/events';
import { hasFired, pause } from '../monitor/pause.ts';
import type { LifeContext } from './context.ts';
import { GUEST_NODES, noteClock, noteGuestNode } from './guest-reactions.ts';

/** Before the events are opened again after a fault. */
const REOPEN_DELAY_MS = 1000;

/** Follows them until the signal fires. Never rejects. */
export async function followGuests(life: LifeContext, signal: AbortSignal): Promise<void> {
  const { host, log } = life;
  while (!signal.aborted) {
    try {
      await followOnce(life, signal);
    } catch (error) {
      log.log('error', 'What guests write is not heard; it is tried again', error);
      await pause(host.services.clock, REOPEN_DELAY_MS, signal);
    }
  }
}

async function followOnce(life: LifeContext, signal: AbortSignal): Promise<void> {
  const events = await HostEvents.open(life.host, { devices: false, extraNodes: GUEST_NODES });
  let closing: Promise<void> = Promise.resolve();
  const close = (): void => {
    closing = events[Symbol.asyncDispose]();
  };
  signal.addEventListener('abort', close, { once: true });
  if (hasFired(signal)) close();
  try {
    for await (const event of events) note(life, event);
  } finally {
    signal.removeEventListener('abort', close);
    await closing;
    await events[Symbol.asyncDispose]();
  }
}

function note(life: LifeContext, event: HostEvent): void {
  if (event.kind === 'rtc' && life.records.has(event.uuid)) {
    noteClock(life, event.uuid, event.offsetSeconds);
  }
  if (event.kind !== 'extra') return;
  const owner = [...life.records.values()].find(({ domid }) => domid === event.domid);
  if (owner !== undefined) noteGuestNode(life, owner.uuid, event.node, event.value);
}
