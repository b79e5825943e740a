/**
 * Taking a domain away with all that belongs to it, whoever made it: us or xl. The order is libxl's: stop the guest,
 * forget it in xenstore, then let Xen take its memory back. Steps are tried again and go on after a failure; what failed is
 * reported at the end.
 */
import { DomainError, hasCode } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { DOM0, type Domid, type VmUuid } from '../ids.ts';
import { withDeadline, type WaitOptions } from '../lifetime/deadline.ts';
import { markRecent } from './recent-domids.ts';
import { getDomain } from './record.ts';
import { detachDevice } from '../devices/detach.ts';
import { releasePciOf } from '../pci/detach.ts';
import { stopDeviceModel } from '../dm/device-model.ts';
import { findStubDomain } from '../dm/stub-record.ts';
import { stopAgentModels } from '../dmagent/models.ts';
import { listDeviceAddresses } from './list-devices.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { ownRecordPath } from '../xenstore/path.ts';
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
  // A guest that cannot be paused dies all the same.
  await attempt(() => host.hypervisor.pause(domid));
  const mayHave = await recordedParts(host, domid);
  const held = await releaseAll([
    ...(mayHave('stub-domain') ? [() => destroyStub(host, domid, options)] : []),
    // It holds the guest's disks, and its death is what lets its back-ends close.
    ...(mayHave('device-model', 'device-model-user') ? [() => stopDeviceModel(host, domid)] : []),
    ...(mayHave('dm-agents') ? [() => stopAgentModels(host, domid)] : []),
    () => detachAll(host, domid, options),
  ]);
  const rest = await Promise.all([
    releaseAll([
      // The guest is paused and its device model gone: nobody uses them any more.
      () => releasePciOf(host, domid),
      // What could not be released stays on record, for the doctor.
      ...(held.length > 0
        ? []
        : [() => host.store.transaction((tree) => removeDomainNodes(tree, domid, uuid))]),
    ]),
    releaseAll([() => removeXlFiles(host, domid, uuid), () => markRecent(host, domid)]),
  ]);
  const failures = [...held, ...rest.flat()];
  await destroyUnlessGone(host, domid, uuid, options);
  await waitUntilGone(host, domid, uuid, options);
  if (failures.length > 0) {
    throw new DomainError('DOMAIN_LEFTOVERS', {
      message: `Domain ${domid} is destroyed, but not everything that belonged to it could be removed`,
      context: { domid, failures: failures.length },
      cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
    });
  }
}

/** One that was dying already goes by itself when its last page is let go of, or its stub domain has gone. */
async function destroyUnlessGone(
  { hypervisor }: Host,
  domid: Domid,
  uuid: VmUuid,
  { signal }: WaitOptions,
): Promise<void> {
  if ((await hypervisor.findDomain(domid))?.uuid !== uuid) return;
  try {
    await hypervisor.destroy(domid, { signal });
  } catch (error) {
    if (!hasCode(error, 'HYPERVISOR_NO_DOMAIN')) throw error;
  }
}

/**
 * Takes these steps, each once more when it fails: while the domain is there nobody else can have what is its own. What failed
 * twice.
 */
async function releaseAll(
  steps: readonly (() => void | Promise<void>)[],
): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  for (const step of steps) {
    if ((await attempt(step)) === undefined) continue;
    const failure = await attempt(step);
    if (failure !== undefined) failures.push(failure);
  }
  return failures;
}

/** What the step fails with; undefined when it does not. */
async function attempt(step: () => void | Promise<void>): Promise<unknown> {
  try {
    await step();
    return undefined;
  } catch (error) {
    return error ?? new Error('It failed without a reason');
  }
}

/** Whether the domain may have one of these parts, by our own record; anything, when we have not made it or cannot tell. */
async function recordedParts(
  { store }: Host,
  domid: Domid,
): Promise<(...parts: readonly string[]) => boolean> {
  let own: readonly string[] = [];
  await attempt(async () => {
    own = await listChildren(store, ownRecordPath(domid));
  });
  return (...parts) => !own.includes('domain') || parts.some((part) => own.includes(part));
}

/** The domain that its device model runs in, by our own record. */
async function destroyStub(host: Host, domid: Domid, options: WaitOptions): Promise<void> {
  const stub = await findStubDomain(host, domid);
  if (stub === undefined) return;
  await destroyDomain(host, stub, options);
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
