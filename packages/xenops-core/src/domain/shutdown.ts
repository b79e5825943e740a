/** Asking a guest to shut down, the way PV drivers understand it (docs/misc/xenstore-paths.pandoc, `control/shutdown`). */
import { DomainError, hasCode } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import type { DomainInfo, SeenShutdownReason } from '../hypervisor/hypervisor.ts';
import type { WaitOptions } from '../lifetime/deadline.ts';
import { RELEASE_DOMAIN, shutdownFeaturePath, shutdownRequestPath } from '../xenstore/path.ts';
import { waitFor } from '../xenstore/wait.ts';
import { getDomain } from './record.ts';

/** What a guest can be asked for. `halt` is an old word for `poweroff`. */
export type ShutdownRequest = 'poweroff' | 'reboot' | 'suspend' | 'halt';

/** The feature node in which the guest says whether it can do this. */
const FEATURES = {
  poweroff: 'poweroff',
  halt: 'poweroff',
  reboot: 'reboot',
  suspend: 'suspend',
} as const satisfies Record<ShutdownRequest, string>;

/**
 * Asks the guest and waits until it has acknowledged, by changing the request, or is down already. Rejects with
 * DOMAIN_NOT_FOUND, DOMAIN_WRONG_STATE, DOMAIN_NOT_SUPPORTED, or TIMEOUT; the request is withdrawn then, so that the
 * guest does not obey it minutes later.
 */
export async function requestShutdown(
  host: Host,
  domid: Domid,
  request: ShutdownRequest,
  options: WaitOptions,
): Promise<void> {
  const info = await getDomain(host, domid);
  await assertCanShutDown(host, info, request);
  const path = shutdownRequestPath(domid);
  await host.store.write(path, request);
  try {
    await waitFor(
      host.store,
      {
        what: `the guest in domain ${domid} to acknowledge the ${request} request`,
        lastState: () => (info.paused ? 'the domain is paused' : 'the request is unanswered'),
        paths: [path, RELEASE_DOMAIN],
        look: async () => {
          const isAcknowledged = (await host.store.find(path)) !== request;
          return isAcknowledged || (await isDown(host, domid)) ? true : undefined;
        },
      },
      options,
    );
  } catch (error) {
    if (!hasCode(error, 'TIMEOUT', 'ABORTED')) throw error;
    if (await withdraw(host, path, request)) throw error;
  }
}

/** How a domain ended: with a reason, or gone altogether. */
export type DomainEnd = SeenShutdownReason | 'gone';

/** Waits until the domain has shut down or is gone, and tells which. Rejects with TIMEOUT or ABORTED. */
export async function waitForShutdown(
  host: Host,
  domid: Domid,
  options: WaitOptions,
): Promise<DomainEnd> {
  return waitFor(
    host.store,
    {
      what: `domain ${domid} to shut down`,
      paths: [RELEASE_DOMAIN],
      look: () => findEnd(host, domid),
    },
    options,
  );
}

async function findEnd(host: Host, domid: Domid): Promise<DomainEnd | undefined> {
  const info = await host.hypervisor.findDomain(domid);
  if (info === undefined || info.dying) return 'gone';
  return info.shutdown ? info.shutdownReason : undefined;
}

async function isDown(host: Host, domid: Domid): Promise<boolean> {
  return (await findEnd(host, domid)) !== undefined;
}

/** Takes the request back unless the guest has taken it in the meantime; tells whether it was taken back. */
async function withdraw(host: Host, path: string, request: ShutdownRequest): Promise<boolean> {
  return host.store.transaction(async (tree) => {
    if ((await tree.find(path)) !== request) return false;
    await tree.write(path, '');
    return true;
  });
}

async function assertCanShutDown(
  host: Host,
  { domid, shutdown, dying, shutdownReason }: DomainInfo,
  request: ShutdownRequest,
): Promise<void> {
  if (shutdown || dying) {
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: `Domain ${domid} is down already (${dying ? 'dying' : (shutdownReason ?? 'unknown')}); only a running domain can be asked to shut down`,
      context: { domid },
    });
  }
  if (!(await host.store.isIntroduced(domid))) {
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: `Domain ${domid} has not been built; there is no guest that could shut down`,
      context: { domid },
    });
  }
  if ((await host.store.find(shutdownFeaturePath(domid, FEATURES[request]))) === '0') {
    throw new DomainError('DOMAIN_NOT_SUPPORTED', {
      message: `The guest in domain ${domid} says that it does not support ${request}`,
      context: { domid, request },
    });
  }
}
