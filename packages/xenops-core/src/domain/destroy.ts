/**
 * Taking a domain away with all that belongs to it, whoever made it: us or xl. The order is libxl's: stop the guest,
 * forget it in xenstore, then let Xen take its memory back. Steps go on after a failure; what failed is reported at the
 * end.
 */
import { DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { DOM0, type Domid, type VmUuid } from '../ids.ts';
import { withDeadline, type WaitOptions } from '../lifetime/deadline.ts';
import { getDomain } from './record.ts';
import { detachDevice } from '../devices/detach.ts';
import { releasePciOf } from '../pci/detach.ts';
import { stopDeviceModel } from '../dm/device-model.ts';
import { listDeviceAddresses } from './list-devices.ts';
import { removeDomainNodes } from './remove-nodes.ts';

/** Where xl keeps its own files of each domain (libxl_dom.c, userdata). */
const XL_USERDATA_FOLDER = '/var/lib/xen';

/**
 * Destroys the domain and waits until Xen does not know it any more. Rejects with DOMAIN_NOT_FOUND (nothing was done),
 * DOMAIN_LEFTOVERS (it is gone, some of what belonged to it may not be), or TIMEOUT (it is dying, but a back-end still
 * holds its pages).
 */
export async function destroyDomain(host: Host, domid: Domid, options: WaitOptions): Promise<void> {
  const { uuid } = await getDomain(host, domid);
  if (domid === DOM0) {
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: 'Domain 0 is the host itself and cannot be destroyed',
      context: { domid },
    });
  }
  const failures: unknown[] = [];
  const attempt = async (step: () => void | Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  };
  await attempt(() => host.hypervisor.pause(domid));
  // It holds the guest's disks, and its death is what lets its back-ends close.
  await attempt(() => stopDeviceModel(host, domid));
  await attempt(() => detachAll(host, domid, options));
  await attempt(() => host.store.transaction((tree) => removeDomainNodes(tree, domid, uuid)));
  await attempt(() => removeXlFiles(host, domid, uuid));
  await host.hypervisor.destroy(domid, { signal: options.signal });
  await waitUntilGone(host, domid, uuid, options);
  if (failures.length > 0) {
    throw new DomainError('DOMAIN_LEFTOVERS', {
      message: `Domain ${domid} is destroyed, but not everything that belonged to it could be removed`,
      context: { domid, failures: failures.length },
      cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
    });
  }
}

/** Takes all devices away, side by side; the primary console goes with the domain's nodes. */
async function detachAll(host: Host, domid: Domid, { signal }: WaitOptions): Promise<void> {
  const devices = (await listDeviceAddresses(host.store, domid)).filter(
    ({ kind, devid }) => kind !== 'console' || devid !== 0,
  );
  const results = await Promise.allSettled(
    devices.map((address) => detachDevice(host, address, { mode: 'force', signal })),
  );
  const failures = results.flatMap((result): unknown[] =>
    result.status === 'rejected' ? [result.reason] : [],
  );
  if (devices.some(({ kind }) => kind === 'pci')) {
    // The guest is paused and its device model gone: nobody uses them any more.
    await releasePciOf(host, domid).catch((error: unknown) => void failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Not every device could be released');
}

/** xl's files about this very domain, named `userdata-X.DOMID.UUID.WHAT`. */
async function removeXlFiles(host: Host, domid: Domid, uuid: VmUuid): Promise<void> {
  if (host.uri !== 'xen:') return;
  const names = await host.services.listFolder(XL_USERDATA_FOLDER);
  const mine = names.filter(
    (name) => name.startsWith('userdata-') && name.includes(`.${domid}.${uuid}.`),
  );
  await Promise.all(mine.map((name) => host.services.removeFile(`${XL_USERDATA_FOLDER}/${name}`)));
}

/** Between two looks at a dying domain; the bound doubles up to the second. */
const DYING_LOOK_MS = 10;
const DYING_LOOK_MAX_MS = 1000;

/**
 * Waits until the domid is free of this domain. Xen tells xenstored alone when a dying domain loses its last mapping,
 * and xenstored tells nobody a second time; so we look again at growing intervals.
 */
async function waitUntilGone(
  host: Host,
  domid: Domid,
  uuid: VmUuid,
  options: WaitOptions,
): Promise<void> {
  const isGone = async (): Promise<boolean> =>
    (await host.hypervisor.findDomain(domid))?.uuid !== uuid;
  if (await isGone()) return;
  await withDeadline(
    { what: `domain ${domid} to go away; somebody still maps its pages` },
    options,
    async (signal) => {
      for (let pauseMs = DYING_LOOK_MS; !signal.aborted && !(await isGone());) {
        await new Promise<void>((resolve) => void host.services.clock.startTimer(pauseMs, resolve));
        pauseMs = Math.min(pauseMs * 2, DYING_LOOK_MAX_MS);
      }
    },
  );
}
