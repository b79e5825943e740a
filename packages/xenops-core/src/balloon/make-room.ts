/** Room for a new domain, taken from those that can balloon and set aside in Xen before anybody else can take it. */
import { DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { DOM0, type Domid } from '../ids.ts';
import { withDeadline, type WaitOptions } from '../lifetime/deadline.ts';
import { planBalloon, type BalloonGuest, type BalloonPlan } from '../memory/balloon-plan.ts';
import { shutdownFeaturePath } from '../xenstore/path.ts';
import { findQuietly } from './quietly.ts';
import { readGuestMemory, setMemoryTarget } from './target.ts';
import { waitForBalloon } from './wait.ts';

/** The least that a guest may be squeezed to, by domid; a guest that is not in it is not asked. */
export type MinimumKib = ReadonlyMap<Domid, number>;

/** What has to be done for this much memory to be free. Nothing is changed. */
export async function planRoom(
  host: Host,
  neededKib: number,
  minimumKib: MinimumKib,
): Promise<BalloonPlan> {
  const { freeMemoryKib, scrubMemoryKib, outstandingMemoryKib } = await host.hypervisor.physInfo();
  const freeKib = freeMemoryKib + scrubMemoryKib - outstandingMemoryKib;
  const domains = await host.hypervisor.listDomains();
  const guests = await Promise.all(
    domains
      .filter(({ domid, dying, shutdown }) => domid !== DOM0 && !dying && !shutdown)
      .map(async ({ domid, paused }): Promise<BalloonGuest | undefined> => {
        const minKib = minimumKib.get(domid);
        const memory = await findQuietly(() => readGuestMemory(host, domid));
        if (minKib === undefined || memory === undefined) return undefined;
        const feature = await host.store.find(shutdownFeaturePath(domid, 'balloon'));
        const excluded = paused
          ? 'it is paused'
          : feature === '0'
            ? 'it cannot balloon'
            : undefined;
        return { domid, minKib, excluded, ...memory };
      }),
  );
  return planBalloon({ neededKib, freeKib, guests: guests.filter((guest) => guest !== undefined) });
}

/**
 * Makes the room and claims it in Xen for the new domain: from then on no other start can count the same memory. Rejects with
 * DOMAIN_NO_MEMORY (the explanation in its message), TIMEOUT (a guest did not give what it was asked for) or ABORTED; the guests that were asked
 * are told to have what they had.
 */
export async function makeRoom(
  host: Host,
  {
    domid,
    neededKib,
    minimumKib,
  }: { readonly domid: Domid; readonly neededKib: number; readonly minimumKib: MinimumKib },
  options: WaitOptions,
): Promise<BalloonPlan> {
  const plan = await planRoom(host, neededKib, minimumKib);
  if (plan.kind === 'short') {
    throw new DomainError('DOMAIN_NO_MEMORY', {
      message: `There is no room for domain ${domid}, ${plan.missingKib} KiB are missing: ${plan.explanation.join('; ')}`,
      context: { domid, neededKib, missingKib: plan.missingKib },
    });
  }
  const steps = plan.steps.map((step) => ({ ...step, donor: step.domid as Domid }));
  try {
    await withDeadline(
      { what: `room for domain ${domid}` },
      { clock: host.services.clock, ...options },
      async (signal) => {
        for (const { donor, toKib } of steps) await setMemoryTarget(host, donor, toKib);
        await Promise.all(
          steps.map(({ donor }) => waitForBalloon(host, donor, { ...options, signal })),
        );
        await host.hypervisor.claimMemory(domid, neededKib);
      },
    );
  } catch (error) {
    await Promise.allSettled(
      steps.map(({ donor, fromKib }) => setMemoryTarget(host, donor, fromKib)),
    );
    throw error;
  }
  return plan;
}
