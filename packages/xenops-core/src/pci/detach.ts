/** Taking PCI devices away from a domain: the guest first, then its rights, then the IOMMU, then a reset (XSA-302, XSA-306). */
import { DeviceError, DomainError, hasCode } from '../errors.ts';
import { adoptDeviceModel } from '../dm/device-model.ts';
import type { Host } from '../host/host.ts';
import { formatPciAddress, type PciAddress } from '../hypervisor/pci-address.ts';
import type { Domid } from '../ids.ts';
import { getTarget, removeLedger } from './attach.ts';
import { quarantine } from './assignable.ts';
import { unplugEmulated } from './emulated.ts';
import { planGrants, revokeResources } from './grants.ts';
import { getPciDevice } from './pci-device.ts';
import { removeFromBus } from './pci-nodes.ts';
import { listPciOwners, readGrants } from './pci-records.ts';
import { bindPciback, resetPciDevice, unbindDriver } from './pciback.ts';
import { getPciSysfs } from './pci-sysfs.ts';

export interface DetachPciOptions {
  /** `clean` asks the guest and fails when it does not let go; `force` goes on without it. */
  readonly mode: 'clean' | 'force';
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes the devices away; they stay kept for guests. Rejects with DEVICE_NOT_FOUND (the domain does not have them), DEVICE_REFUSED or TIMEOUT
 * (clean: the guest keeps them), DOMAIN_LEFTOVERS (the guest no longer has them, but they must not be used before they have been put in order;
 * they stay on record as this domain's).
 */
export async function detachPci(
  host: Host,
  domid: Domid,
  addresses: readonly PciAddress[],
  options: DetachPciOptions,
): Promise<void> {
  const target = await getTarget(host, domid);
  await assertHas(host, domid, addresses);
  if (target.guestType === 'hvm') await unplugAll(host, domid, addresses, options);
  await removeFromBus(host, target, addresses, options);
  await releaseAll(host, domid, addresses);
}

/**
 * Puts all devices of a domain in order whose guest and device model have stopped and whose bus is gone: what its destruction does. Rejects with
 * DOMAIN_LEFTOVERS.
 */
export async function releasePciOf(host: Host, domid: Domid): Promise<void> {
  const own = (await listPciOwners(host.store)).filter((owner) => owner.domid === domid);
  await releaseAll(
    host,
    domid,
    own.map(({ address }) => address),
  );
}

async function releaseAll(
  host: Host,
  domid: Domid,
  addresses: readonly PciAddress[],
): Promise<void> {
  const failures: unknown[] = [];
  for (const address of addresses) {
    try {
      await releaseOne(host, domid, address);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new DomainError('DOMAIN_LEFTOVERS', {
      message: `PCI devices of domain ${domid} are out of the guest, but could not all be put in order; xenops doctor says which`,
      context: { domid },
      cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
    });
  }
}

async function assertHas(
  host: Host,
  domid: Domid,
  addresses: readonly PciAddress[],
): Promise<void> {
  const owners = await listPciOwners(host.store);
  const own = owners.filter((owner) => owner.domid === domid);
  for (const name of addresses.map(formatPciAddress)) {
    if (own.some(({ address }) => formatPciAddress(address) === name)) continue;
    throw new DeviceError('DEVICE_NOT_FOUND', {
      message: `Domain ${domid} has no PCI device ${name}`,
      context: { domid, device: name },
    });
  }
}

async function unplugAll(
  host: Host,
  domid: Domid,
  addresses: readonly PciAddress[],
  { mode, signal }: DetachPciOptions,
): Promise<void> {
  await using model = await adoptDeviceModel(host, domid, { signal });
  if (model === undefined) return;
  for (const address of addresses) {
    try {
      await unplugEmulated(model, address, { signal, clock: host.services.clock });
    } catch (error) {
      if (mode === 'clean' || hasCode(error, 'ABORTED')) throw error;
    }
  }
}

/** Takes a domain's rights on a device and makes the device fit for another; each step is tried, and the record stays when one failed. */
async function releaseOne(host: Host, domid: Domid, address: PciAddress): Promise<void> {
  const hypervisor = host.hypervisor;
  const sysfs = getPciSysfs(host);
  const device = await getPciDevice(sysfs, address);
  const grants = (await readGrants(host.store, domid, address)) ?? planGrants(device);
  const failures: unknown[] = [];
  for (const step of [
    () => revokeResources(hypervisor, domid, grants),
    () => hypervisor.deassignPci(domid, address),
    () => quarantine(host, address),
    () => resetPciDevice(sysfs, device),
    async () => {
      if (!('isPermissive' in grants) || !grants.isPermissive) return;
      await unbindDriver(sysfs, device);
      await bindPciback(sysfs, device);
    },
  ]) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, `The PCI device ${device.name} could not be put in order`);
  }
  await removeLedger(host, domid, device);
}

/**
 * Puts a device in order whose domain is dead: Xen has taken it back already, so it is quarantined, reset and struck from the record. Rejects
 * with HOTPLUG_FAILED or the hypervisor's error; the record stays then.
 */
export async function releaseDeadPci(host: Host, domid: Domid, address: PciAddress): Promise<void> {
  const sysfs = getPciSysfs(host);
  const device = await getPciDevice(sysfs, address);
  await quarantine(host, address);
  await resetPciDevice(sysfs, device);
  await removeLedger(host, domid, device);
}
