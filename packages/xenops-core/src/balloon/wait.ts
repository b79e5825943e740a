/** Waiting for a guest's balloon. */
import { TimeoutError, hasCode } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { withDeadline, type WaitOptions } from '../lifetime/deadline.ts';
import { shutdownFeaturePath } from '../xenstore/path.ts';
import { readGuestMemory, type GuestMemory } from './target.ts';

/** Between two looks; nobody tells when a guest's memory changes. The bound doubles up to the second. */
const LOOK_MS = 20;
const LOOK_MAX_MS = 1000;
/** How far from its target a guest may stay: what its kernel and Xen keep at the edges. */
export const BALLOON_TOLERANCE_KIB = 2048;

/**
 * Waits until the guest has what it was told to have, and gives what it has then. Rejects with DOMAIN_NOT_FOUND, ABORTED, or with TIMEOUT whose
 * `context` says how far it came and what held it up.
 */
export async function waitForBalloon(
  host: Host,
  domid: Domid,
  options: WaitOptions & { readonly toleranceKib?: number | undefined },
): Promise<GuestMemory> {
  const { toleranceKib = BALLOON_TOLERANCE_KIB } = options;
  const { clock } = host.services;
  const seen: { first?: GuestMemory; last?: GuestMemory } = {};
  try {
    return await withDeadline(
      { what: `domain ${domid} to reach its memory target`, lastState: () => describe(seen) },
      { clock, ...options },
      async (signal) => {
        for (let pauseMs = LOOK_MS; ;) {
          const memory = await readGuestMemory(host, domid);
          seen.first ??= memory;
          seen.last = memory;
          if (Math.abs(memory.currentKib - memory.targetKib) <= toleranceKib) return memory;
          signal.throwIfAborted();
          await new Promise<void>((resolve) => void clock.startTimer(pauseMs, resolve));
          pauseMs = Math.min(pauseMs * 2, LOOK_MAX_MS);
        }
      },
    );
  } catch (error) {
    if (!hasCode(error, 'TIMEOUT')) throw error;
    throw new TimeoutError({
      message: `${error.message}: ${await whyNot(host, domid, seen)}`,
      context: {
        ...error.context,
        domid,
        currentKib: seen.last?.currentKib,
        targetKib: seen.last?.targetKib,
      },
    });
  }
}

interface Seen {
  readonly first?: GuestMemory;
  readonly last?: GuestMemory;
}

const describe = ({ last }: Seen): string =>
  last === undefined ? 'unknown' : `${last.currentKib} of ${last.targetKib} KiB`;

/** What a person would look at: did it move, is it paused, does it have a balloon driver, has the host memory to give. */
async function whyNot(host: Host, domid: Domid, { first, last }: Seen): Promise<string> {
  const info = await host.hypervisor.findDomain(domid);
  if (info === undefined || first === undefined || last === undefined) return 'it is gone';
  if (info.paused) return 'it is paused';
  const missingKib = last.targetKib - last.currentKib;
  const { freeMemoryKib, outstandingMemoryKib } = await host.hypervisor.physInfo();
  if (missingKib > freeMemoryKib - outstandingMemoryKib) {
    return `the host has ${freeMemoryKib - outstandingMemoryKib} KiB free and it needs ${missingKib}`;
  }
  if (first.currentKib !== last.currentKib) return 'it moves, but slowly';
  const feature = await host.store.find(shutdownFeaturePath(domid, 'balloon'));
  return feature === '0' || feature === undefined
    ? 'it has not moved, and does not say that it has a balloon driver'
    : 'it has not moved';
}
