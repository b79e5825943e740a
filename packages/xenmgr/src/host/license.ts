/** The licence of the host: three nodes of xenstore that Dom0 alone can write. A host has its own licence from its start. */
import { createHash } from 'node:crypto';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';

const NODE = '/xenmgr/license';
/** Stands for a host that needs nobody's licence. */
const LOCAL = 'local';
const DATE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( [+-]?\w+)?$/;

type Around = Pick<Surroundings, 'host' | 'announce'>;

/** Gives the host its own licence, unless it has one. */
export async function initLicense({ host }: Around): Promise<void> {
  if ((await host.store.find(`${NODE}/hash`)) === undefined) {
    await host.store.write(`${NODE}/hash`, LOCAL);
  }
}

/** Whether the host is licensed now. */
export async function isLicensed({ host }: Around): Promise<boolean> {
  const [hash, device = '', expiry = ''] = await Promise.all(
    ['hash', 'deviceuuid', 'expiry'].map((name) => host.store.find(`${NODE}/${name}`)),
  );
  if (hash === LOCAL) return true;
  const isGenuine = hash === createHash('sha256').update(`${device}${expiry}`).digest('hex');
  return isGenuine && Date.parse(expiry) > host.services.clock.nowMs();
}

/** Stores a licence. Rejects with BAD_VALUE. */
export async function setLicense(
  around: Around,
  license: { readonly expiry: string; readonly deviceUuid: string; readonly hash: string },
): Promise<void> {
  const { expiry, deviceUuid, hash } = license;
  if (
    !DATE.test(expiry) ||
    hash === LOCAL ||
    !/^[0-9a-f]{64}$/.test(hash) ||
    !/^[\w-]{1,64}$/.test(deviceUuid)
  ) {
    throw new ManagerError('BAD_VALUE', {
      message:
        'A licence has a date as 2030-01-31 12:00:00 UTC, the uuid of a device, and a SHA-256 hash',
    });
  }
  const before = await isLicensed(around);
  await around.host.store.transaction(async (tree) => {
    await tree.write(`${NODE}/expiry`, expiry);
    await tree.write(`${NODE}/deviceuuid`, deviceUuid);
    await tree.write(`${NODE}/hash`, hash);
  });
  if ((await isLicensed(around)) !== before) around.announce.licenseChanged();
}
