/** How much memory a running guest shall have. */
import { ConfigError, DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { guestTargetKib, MAX_MEMORY_SLACK_KIB } from '../memory/breakdown.ts';
import { roundKibDownToPage } from '../units.ts';
import { domainPath, vmPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import { getDomain } from '../domain/record.ts';

/** Less than this no guest survives. */
const TARGET_MIN_KIB = 4096;

/** What is known of a guest's memory. */
export interface GuestMemory {
  /** What it was told to have, video memory included. */
  readonly targetKib: number;
  readonly staticMaxKib: number;
  readonly videoKib: number;
  /** What Xen has given it. */
  readonly currentKib: number;
}

/** Reads it. Rejects with DOMAIN_NOT_FOUND or DOMAIN_WRONG_STATE (not built). */
export async function readGuestMemory(host: Host, domid: Domid): Promise<GuestMemory> {
  const { memoryKib, guestType } = await getDomain(host, domid);
  const [staticMax, target, video] = await findMany(
    host.store,
    ['static-max', 'target', 'videoram'].map((node) => domainPath(domid, 'memory', node)),
  );
  const [staticMaxKib, guestKib, videoKib] = [staticMax, target, video ?? '0'].map((text) =>
    /^\d{1,15}$/.test(text ?? '') ? Number(text) : undefined,
  );
  if (staticMaxKib === undefined || guestKib === undefined || videoKib === undefined) {
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: `Domain ${domid} has no memory on record; only a domain that has been built can balloon`,
      context: { domid },
    });
  }
  const keptKib = -guestTargetKib({ guestType, targetKib: 0, staticMaxKib, videoKib });
  const isOnDemand = guestType === 'hvm' && guestKib + videoKib < staticMaxKib;
  return {
    targetKib: guestKib + (isOnDemand ? keptKib : videoKib),
    staticMaxKib,
    videoKib,
    currentKib: memoryKib,
  };
}

/**
 * Tells the guest to have this much memory, video memory included, and Xen to let it. Rounded down to a page. The guest does it when its
 * balloon driver can (`waitForBalloon`). Rejects with DOMAIN_NOT_FOUND, DOMAIN_WRONG_STATE, or CONFIG_BAD_VALUE (above its maximum, or too
 * little to live); nothing is changed then.
 */
export async function setMemoryTarget(host: Host, domid: Domid, targetKib: number): Promise<void> {
  const { guestType, uuid } = await getDomain(host, domid);
  const { staticMaxKib, videoKib } = await readGuestMemory(host, domid);
  const wantedKib = roundKibDownToPage(targetKib);
  if (
    !Number.isSafeInteger(targetKib) ||
    wantedKib > staticMaxKib ||
    wantedKib - videoKib < TARGET_MIN_KIB
  ) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `Domain ${domid} can have ${TARGET_MIN_KIB + videoKib} to ${staticMaxKib} KiB of memory, not ${targetKib}`,
      context: { domid, targetKib, staticMaxKib },
    });
  }
  const guestKib = guestTargetKib({ guestType, targetKib: wantedKib, staticMaxKib, videoKib });
  await host.store.transaction(async (tree) => {
    const text = await tree.find(domainPath(domid, 'memory/static-max'));
    if (Number(text) !== staticMaxKib) {
      throw new DomainError('DOMAIN_WRONG_STATE', {
        message: `The maximum of domain ${domid} changed while its target was set; try again`,
        context: { domid },
      });
    }
    await Promise.all([
      tree.write(domainPath(domid, 'memory/target'), String(guestKib)),
      tree.write(vmPath(uuid, 'memory'), String(wantedKib)),
    ]);
    await host.hypervisor.setMaxMemory(domid, wantedKib + MAX_MEMORY_SLACK_KIB);
    if (guestType !== 'pv') await host.hypervisor.setPodTarget(domid, wantedKib);
  });
}

/** Changes the maximum of a guest: what `setMemoryTarget` allows. Not below its target. */
export async function setMemoryMax(host: Host, domid: Domid, maxKib: number): Promise<void> {
  const { targetKib } = await readGuestMemory(host, domid);
  const wantedKib = roundKibDownToPage(maxKib);
  if (!Number.isSafeInteger(maxKib) || wantedKib < targetKib) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The maximum of domain ${domid} cannot be ${maxKib} KiB: it was told to have ${targetKib} KiB; lower its target first`,
      context: { domid, maxKib, targetKib },
    });
  }
  await host.hypervisor.setMaxMemory(domid, wantedKib + MAX_MEMORY_SLACK_KIB);
  await host.store.write(domainPath(domid, 'memory/static-max'), String(wantedKib));
}
