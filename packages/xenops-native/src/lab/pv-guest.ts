/** Guests of the tests in Dom0: built in this process, unknown to xenstored and to the daemon of consoles. */
import assert from 'node:assert/strict';
import { DOM0, randomVmUuid, type Domid, type Evtchn } from '@xenops/core/ids';
import type { BuildResult, GuestType, Hypervisor } from '@xenops/core/hypervisor';
import { hasCode, type ErrorCode, type XenopsError } from '@xenops/core/errors';

const MEMORY_KIB = 131_072;
const SLACK_KIB = 1024;

/** A built guest that is still paused. */
export interface PvGuest extends BuildResult {
  readonly domid: Domid;
  /** The guest's end of its console's event channel. */
  readonly consoleEvtchn: Evtchn;
}

/** Runs `body` with an empty domain, and destroys it. */
export async function withDomain(
  hypervisor: Hypervisor,
  guestType: GuestType,
  body: (domid: Domid) => Promise<void>,
): Promise<void> {
  const domid = await hypervisor.createDomain({ uuid: randomVmUuid(), guestType, maxVcpus: 2 });
  try {
    await body(domid);
  } finally {
    await hypervisor.destroy(domid);
  }
}

/** Runs `body` with a built PV guest of 128 MiB, and destroys it. */
export async function withPvGuest(
  hypervisor: Hypervisor,
  body: (guest: PvGuest) => Promise<void>,
): Promise<void> {
  await withDomain(hypervisor, 'pv', async (domid) => {
    await hypervisor.setMaxMemory(domid, MEMORY_KIB + SLACK_KIB);
    const storeEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
    const consoleEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
    const built = await hypervisor.buildDomain(domid, {
      kind: 'pv',
      kernelPath: process.env['GUEST_KERNEL'] ?? '',
      cmdline: 'console=hvc0 earlyprintk=xen',
      memoryKib: MEMORY_KIB,
      storeEvtchn,
      storeDomid: DOM0,
      consoleEvtchn,
      consoleDomid: DOM0,
    });
    await body({ domid, consoleEvtchn, ...built });
  });
}

/** The call fails with this code. */
export async function rejects(
  call: () => unknown,
  code: ErrorCode,
): Promise<XenopsError<ErrorCode>> {
  try {
    await call();
  } catch (error) {
    if (!hasCode(error, code)) throw error;
    return error;
  }
  return assert.fail(`did not fail with ${code}`);
}
