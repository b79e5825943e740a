/** Suspending a guest, and letting one run on that was suspended. */
import { DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import type { WaitOptions } from '../lifetime/deadline.ts';
import { getDomain } from './record.ts';
import { requestShutdown, waitForShutdown } from './shutdown.ts';

/** What a guest gets to suspend itself (libxl's time). */
export const SUSPEND_TIMEOUT_MS = 60_000;

/**
 * Suspends the guest and waits until it is. A guest without paravirtual drivers, or one that sleeps, is stopped by Xen. Rejects with
 * TIMEOUT or ABORTED (the request is withdrawn, the guest runs on), DOMAIN_NOT_SUPPORTED, DOMAIN_WRONG_STATE (it ended otherwise).
 */
export async function suspendGuest(
  host: Host,
  domid: Domid,
  options: Partial<WaitOptions> = {},
): Promise<void> {
  const wait = { timeoutMs: SUSPEND_TIMEOUT_MS, clock: host.services.clock, ...options };
  if (await suspendsItself(host, domid)) {
    await requestShutdown(host, domid, 'suspend', wait);
  } else {
    await host.hypervisor.shutdown(domid, 'suspend');
  }
  const end = await waitForShutdown(host, domid, wait);
  if (end === 'suspend') return;
  throw new DomainError('DOMAIN_WRONG_STATE', {
    message: `Domain ${domid} did not suspend: it ended (${end})`,
    context: { domid, end },
  });
}

/**
 * Lets a suspended guest run on where it is, and tells xenstored, which otherwise would not notice its next end. One that is not taken for
 * cooperative begins anew as after a migration; a guest that does not suspend itself always does.
 */
export async function resumeGuest(
  host: Host,
  domid: Domid,
  { isCooperative = true }: { readonly isCooperative?: boolean | undefined } = {},
): Promise<void> {
  const cooperative = isCooperative && (await suspendsItself(host, domid));
  await host.hypervisor.resume(domid, { cooperative });
  await host.store.resume(domid);
}

/** PV and PVH guests do; an HVM guest when its drivers have told Xen where to call them, and it does not sleep. */
async function suspendsItself(host: Host, domid: Domid): Promise<boolean> {
  const { guestType } = await getDomain(host, domid);
  if (guestType !== 'hvm') return true;
  const hypervisor = host.hypervisor;
  const [callback, sleep] = await Promise.all([
    hypervisor.hvmParam(domid, 'callback-irq'),
    hypervisor.hvmParam(domid, 'acpi-s-state'),
  ]);
  return callback !== 0n && sleep === 0n;
}
