/**
 * A device model that can touch nothing but its own domain, as libxl's `dm_restrict` has it (docs/designs/qemu-deprivilege.md). It opens what it was
 * told to as root; then it is a user of its own, in an empty root folder, with handles of Xen that work for its domain alone and none of xenstore, and
 * under seccomp where it can. So nothing can be given to it later by a path, and it serves no paravirtual devices.
 */
import { listDeviceAddresses } from '../domain/list-devices.ts';
import { ConfigError } from '../errors.ts';
import type { VbdConfig } from '../devices/classes/vbd.ts';
import { deviceName, type DeviceAddress } from '../devices/device.ts';
import { getHotplug } from '../hotplug/get-hotplug.ts';
import type { Host } from '../host/host.ts';
import type { SystemUser } from '../host/host-services.ts';
import { runFolderOf } from '../host/run-folder.ts';
import { DOM0, type Domid } from '../ids.ts';
import { domainPath, ownDeviceRecordPath, ownRecordPath } from '../xenstore/path.ts';
import { ownedBy } from '../xenstore/permissions.ts';
import { findMany } from '../xenstore/trees.ts';
import type { DeviceModelConfig } from './config.ts';

/** Where a confined device model lives. */
export interface Confinement {
  readonly user: SystemUser;
  /** What it sees as `/`. */
  readonly rootPath: string;
  /** Whether this qemu can filter its own calls of the kernel (seccomp); Debian's qemu for Xen cannot. */
  readonly hasSandbox: boolean;
  /** Whether it takes both by `-run-with` (qemu 9.1 and later, which have lost the options of their own). */
  readonly hasRunWith: boolean;
  /** Those of its disks that are block devices, by their names in the guest. */
  readonly blockDevices: ReadonlySet<string>;
}

/** How one is found that runs. */
export type Place = Pick<Confinement, 'user' | 'rootPath'>;

/** libxl's name of the user whose number is the first of the range (LIBXL_QEMU_USER_RANGE_BASE). */
const RANGE_USER = 'xen-qemuuser-range-base';
const RECORD = 'device-model-user';
/** A qemu that does not know the first of these words, or was built without it, ends with 1 before it comes to the last. */
const SANDBOX_PROBE = ['-sandbox', 'on', '-version'];
const RUN_WITH_PROBE = ['-run-with', 'chroot=/,user=1:1', '-version'];

/**
 * Makes the place for a device model that is about to start, and puts on record whose it is. Rejects with CONFIG_BAD_VALUE for a domain whose device
 * model cannot be confined, and where there are no users for it.
 */
export async function confine(
  host: Host,
  { domid, guestType, disks }: DeviceModelConfig,
  qemuPath: string,
): Promise<Confinement> {
  const why =
    guestType === 'hvm'
      ? await servedBeyondEmulation(host, domid)
      : 'it serves back-ends of a paravirtual guest, which takes xenstore and grants of other domains';
  if (why !== undefined) throw cannot(domid, why);
  const [user, rootPath] = [await userFor(host, domid), rootPathOf(host, domid)];
  await host.store.transaction(async (tree) => {
    await Promise.all([
      tree.write(ownRecordPath(domid, RECORD), `${user.uid} ${user.gid}`),
      // For xl, which kills by it.
      tree.write(domainPath(domid, 'image/device-model-kill-uid'), String(user.uid)),
      tree.setPermissions(domainPath(domid, 'image/device-model-kill-uid'), ownedBy(DOM0, domid)),
    ]);
  });
  // What an earlier domain with this number has left would have this one's rights.
  await host.services.killUser(user);
  await host.services.makeFolder(rootPath);
  const takes = async (probe: readonly string[]): Promise<boolean> =>
    (await host.services.exitStatusOf(qemuPath, probe)) === 0;
  const [hasSandbox, hasRunWith, blockDevices] = await Promise.all([
    takes(SANDBOX_PROBE),
    takes(RUN_WITH_PROBE),
    blockDevicesOf(host, disks),
  ]);
  return { user, rootPath, hasSandbox, hasRunWith, blockDevices };
}

/** Where the device model of the domain is confined to, by our own record; undefined when it is not. */
export async function findConfinement(host: Host, domid: Domid): Promise<Place | undefined> {
  const text = await host.store.find(ownRecordPath(domid, RECORD));
  const [uid, gid] = /^(\d+) (\d+)$/.exec(text ?? '')?.slice(1) ?? [];
  if (uid === undefined || gid === undefined) return undefined;
  return { user: { uid: Number(uid), gid: Number(gid) }, rootPath: rootPathOf(host, domid) };
}

/** Kills what is left of the domain's device model and removes its folder, if it is confined by our record. */
export async function releaseConfinement(host: Host, domid: Domid): Promise<void> {
  const place = await findConfinement(host, domid);
  if (place === undefined) return;
  await host.services.killUser(place.user);
  await host.services.removeFolder(place.rootPath);
  await host.store.rm(ownRecordPath(domid, RECORD));
}

/** Rejects with CONFIG_BAD_VALUE when the device model of the domain is confined and so cannot be given `what`: "a PCI device". */
export async function assertNotConfined(host: Host, domid: Domid, what: string): Promise<void> {
  if ((await findConfinement(host, domid)) === undefined) return;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `Domain ${domid} cannot be given ${what}: its device model is confined and opens nothing any more`,
    context: { domid },
  });
}

/** libxl's place, so that its next start removes what a crash has left. */
function rootPathOf({ services }: Host, domid: Domid): string {
  return `${runFolderOf(services)}/qemu-root-${domid}`;
}

/** What the device model would have to do for a device of the domain that a confined one cannot. */
async function servedBeyondEmulation(host: Host, domid: Domid): Promise<string | undefined> {
  const devices = await listDeviceAddresses(host.store, domid);
  if (devices.some(({ kind }) => kind === 'pci')) {
    return 'the domain has a PCI device of the host, which takes root';
  }
  const served = await Promise.all(
    devices.map(async (device) => ((await isServedByModel(host, device)) ? [device] : [])),
  );
  const [first] = served.flat();
  return first === undefined
    ? undefined
    : `it serves the ${deviceName(first)} (a paravirtual back-end, such as that of a qcow2 disk), which takes xenstore and grants`;
}

async function blockDevicesOf(
  host: Host,
  disks: DeviceModelConfig['disks'],
): Promise<ReadonlySet<string>> {
  const names = disks.map(async ({ vdev, path }) => {
    const isBlock = path !== '' && (await getHotplug(host).statDisk(path)).kind === 'block';
    return isBlock ? [vdev] : [];
  });
  return new Set((await Promise.all(names)).flat());
}

/** A CD drive is emulated; guests do not use its paravirtual half (xen-blkfront passes it over). */
async function isServedByModel(host: Host, device: DeviceAddress): Promise<boolean> {
  const record = ownDeviceRecordPath(device);
  const [served, config] = await findMany(host.store, [
    `${record}/backend-type`,
    `${record}/config`,
  ]);
  // Written by attachChange, where only Dom0 writes.
  const { isCdrom = false } = JSON.parse(config ?? '{}') as Partial<VbdConfig>;
  return served === 'device-model' && !isCdrom;
}

/** The user that is the domain's alone: the base of the range plus its number, as libxl counts. */
async function userFor(host: Host, domid: Domid): Promise<SystemUser> {
  const base = await host.services.findUser(RANGE_USER);
  if (base === undefined || base.uid === 0 || base.gid === 0) {
    throw cannot(
      domid,
      `the system has no user ${RANGE_USER}; make one: adduser --system --uid 131072 --group --no-create-home ${RANGE_USER}`,
    );
  }
  const uid = base.uid + domid;
  const taken = await host.services.findUser(String(uid));
  if (taken !== undefined) throw cannot(domid, `its user ${uid} is ${taken.name}`);
  return { uid, gid: base.gid };
}

function cannot(domid: Domid, why: string): ConfigError {
  return new ConfigError('CONFIG_BAD_VALUE', {
    message: `The device model of domain ${domid} cannot be confined: ${why}`,
    context: { domid },
  });
}
