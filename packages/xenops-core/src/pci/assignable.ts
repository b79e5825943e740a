/**
 * Keeping devices for guests, and giving them back to Dom0. A device that is kept belongs to pciback in Linux and to DOMID_IO in Xen: nobody's
 * memory is reachable from it (XSA-302).
 */
import { DeviceError } from '../errors.ts';
import { withUndo } from '../domain/with-undo.ts';
import type { Host } from '../host/host.ts';
import type { PciAddress } from '../hypervisor/pci-address.ts';
import { DOM0, type Domid } from '../ids.ts';
import { ownedBy } from '../xenstore/permissions.ts';
import { getPciDevice, listPciDevices, type PciDevice } from './pci-device.ts';
import { findFormerDriver, listPciOwners, pciRecord, removePciRecord } from './pci-records.ts';
import {
  bindDriver,
  bindPciback,
  PCIBACK,
  releaseFromPciback,
  resetPciDevice,
  unbindDriver,
} from './pciback.ts';
import { getPciSysfs } from './pci-sysfs.ts';

/** The domain whose devices are kept from everybody (`DOMID_IO`, xen/include/public/xen.h). */
export const DOMID_IO = 0x7ff1 as Domid;

/**
 * Keeps a device for guests: takes it from its driver, which is written down, and quarantines it. One that is kept already is fine. Rejects
 * with DEVICE_NOT_FOUND, HOTPLUG_FAILED or the hypervisor's error; the device is where it was then.
 */
export async function makePciAssignable(host: Host, address: PciAddress): Promise<void> {
  const sysfs = getPciSysfs(host);
  const device = await getPciDevice(sysfs, address);
  const owner = await findOwner(host, device);
  if (owner !== undefined) return;
  await withUndo(`Keeping ${device.name} for guests`, async (undo) => {
    if (device.driver !== PCIBACK) {
      await rememberDriver(host, device);
      undo.push(`the record of ${device.name}`, () => forgetDriver(host, address));
      const { driver } = device;
      if (driver !== undefined) {
        await unbindDriver(sysfs, device);
        undo.push(`the driver of ${device.name}`, () => bindDriver(sysfs, device, driver));
      }
      undo.push(`pciback of ${device.name}`, () => releaseFromPciback(sysfs, device));
      await bindPciback(sysfs, device);
    }
    await quarantine(host, address);
  });
}

/**
 * Gives a device back to Dom0 and to the driver it had. Rejects with DEVICE_REFUSED while a domain has it, HOTPLUG_FAILED when it cannot be
 * reset (it stays kept: it may still be writing to memory it was given), DEVICE_NOT_FOUND.
 */
export async function returnPciDevice(
  host: Host,
  address: PciAddress,
  { allowNoReset = false }: { readonly allowNoReset?: boolean } = {},
): Promise<void> {
  const sysfs = getPciSysfs(host);
  const device = await getPciDevice(sysfs, address);
  const owner = await findOwner(host, device);
  if (owner !== undefined) {
    throw new DeviceError('DEVICE_REFUSED', {
      message: `Domain ${owner} has the PCI device ${device.name}; take it away from there first`,
      context: { device: device.name, domid: owner },
    });
  }
  if (device.driver !== PCIBACK) return;
  if (!(await resetPciDevice(sysfs, device)) && !allowNoReset) throw noReset(device);
  await host.hypervisor.deassignPci(DOMID_IO, address);
  await releaseFromPciback(sysfs, device);
  const driver = await findFormerDriver(host.store, address);
  if (driver !== undefined) await bindDriver(sysfs, device, driver);
  await forgetDriver(host, address);
}

/** A device as a listing shows it. */
export interface PciListing {
  readonly device: PciDevice;
  /** `kept`: ready to be given to a guest; `given`: a domain has it; `host`: Dom0's own. */
  readonly state: 'host' | 'kept' | 'given';
  readonly domid?: Domid;
}

/** Every PCI device of the machine and who has it. */
export async function listPci(host: Host): Promise<readonly PciListing[]> {
  const [devices, owners] = await Promise.all([
    listPciDevices(getPciSysfs(host)),
    listPciOwners(host.store),
  ]);
  const byRecord = new Map(owners.map(({ address, domid }) => [pciRecord(address), domid]));
  return devices.map((device) => {
    const domid = byRecord.get(pciRecord(device.address));
    if (domid !== undefined) return { device, state: 'given', domid };
    return { device, state: device.driver === PCIBACK ? 'kept' : 'host' };
  });
}

/** Has Xen keep the device from everybody. */
export async function quarantine(host: Host, address: PciAddress): Promise<void> {
  await host.hypervisor.assignPci(DOMID_IO, address, { rdmRelaxed: true });
}

/** A device that cannot be reset may go on with what its last owner had it do. */
export function noReset({ name }: PciDevice): DeviceError {
  return new DeviceError('HOTPLUG_FAILED', {
    message: `The PCI device ${name} cannot be reset by this kernel, so what it was told before may go on; it can be used all the same when that is asked for`,
    context: { device: name },
  });
}

/** The domain that has it by the record, where that domain still lives. */
async function findOwner(host: Host, { address }: PciDevice): Promise<Domid | undefined> {
  const owner = (await listPciOwners(host.store)).find(
    (entry) => pciRecord(entry.address) === pciRecord(address),
  );
  if (owner === undefined) return undefined;
  return (await host.hypervisor.findDomain(owner.domid)) === undefined ? undefined : owner.domid;
}

async function rememberDriver(host: Host, { address, driver }: PciDevice): Promise<void> {
  if (driver === undefined) return;
  await host.store.transaction(async (tree) => {
    await tree.write(pciRecord(address, 'driver_path'), `/sys/bus/pci/drivers/${driver}`);
    await tree.setPermissions(pciRecord(address, 'driver_path'), ownedBy(DOM0));
  });
}

async function forgetDriver(host: Host, address: PciAddress): Promise<void> {
  await host.store.transaction((tree) => removePciRecord(tree, address, 'driver_path'));
}
