/**
 * Giving PCI devices to a domain. What each was granted is in a ledger that is written before the granting, so that exactly that is revoked
 * later, by whoever comes. The device is assigned to the domain in the IOMMU before the guest can reach any of its registers.
 */
import { DeviceError, DomainError } from '../errors.ts';
import type { PciConfig } from '../devices/classes/pci.ts';
import type { DeviceOptions } from '../devices/timeouts.ts';
import { getDomain } from '../domain/record.ts';
import { pruneEmpty } from '../domain/remove-nodes.ts';
import { withUndo } from '../domain/with-undo.ts';
import { adoptDeviceModel } from '../dm/device-model.ts';
import type { Host } from '../host/host.ts';
import { formatPciAddress } from '../hypervisor/pci-address.ts';
import { DOM0, type Domid } from '../ids.ts';
import type { CleanupStack } from '../lifetime/cleanup-stack.ts';
import { ownedBy } from '../xenstore/permissions.ts';
import { ownRecordPath } from '../xenstore/path.ts';
import { noReset, quarantine } from './assignable.ts';
import { pciConflicts } from './conflicts.ts';
import { plugEmulated, unplugEmulated } from './emulated.ts';
import { grantResources, planGrants, type GrantTarget, type PciGrants } from './grants.ts';
import { getPciDevice, listPciDevices, type PciDevice } from './pci-device.ts';
import { addToBus, removeFromBus } from './pci-nodes.ts';
import {
  grantsRecord,
  listPciOwners,
  pciRecord,
  removePciRecord,
  renderGrants,
} from './pci-records.ts';
import { resetPciDevice, setPermissive } from './pciback.ts';
import { getPciSysfs } from './pci-sysfs.ts';

export interface AttachPciOptions extends DeviceOptions {
  /** Take devices that this kernel cannot reset. */
  readonly allowNoReset?: boolean | undefined;
}

/**
 * Gives the devices to the domain, all or none. They must be kept for guests and be whole: every function of a slot, every member of an IOMMU
 * group, and nobody else's registers in their pages. Rejects with DEVICE_NOT_FOUND, DEVICE_FAILED (they cannot be given; the message says why),
 * DEVICE_EXISTS, HOTPLUG_FAILED, DOMAIN_NOT_SUPPORTED (PVH), TIMEOUT, ABORTED or the hypervisor's error; nothing of it is left then.
 */
export async function attachPci(
  host: Host,
  domid: Domid,
  configs: readonly PciConfig[],
  options: AttachPciOptions = {},
): Promise<void> {
  const target = await getTarget(host, domid);
  const sysfs = getPciSysfs(host);
  const devices = await Promise.all(configs.map(({ address }) => getPciDevice(sysfs, address)));
  await assertGivable(host, target, devices);
  const names = devices.map(({ name }) => name).join(', ');
  await withUndo(`Giving ${names} to domain ${domid}`, async (undo) => {
    for (const [index, device] of devices.entries()) {
      await takeOne(host, target, device, configs[index]?.permissive === true, options, undo);
    }
    await addToBus(host, target, configs, options);
    if (target.guestType !== 'hvm') return;
    undo.push(`the bus of domain ${domid}`, () =>
      removeFromBus(
        host,
        target,
        configs.map(({ address }) => address),
        { mode: 'force' },
      ),
    );
    await plugAll(host, domid, configs, options, undo);
  });
}

/** Whom devices are given to. Rejects with DOMAIN_NOT_FOUND and DOMAIN_NOT_SUPPORTED. */
export async function getTarget(host: Host, domid: Domid): Promise<GrantTarget> {
  const { guestType } = await getDomain(host, domid);
  if (guestType !== 'pvh') return { domid, guestType };
  throw new DomainError('DOMAIN_NOT_SUPPORTED', {
    message: `Domain ${domid} is PVH, which Xen cannot give PCI devices to; PV and HVM guests can have them`,
    context: { domid },
  });
}

/** Refuses before anything is touched: what is missing, what belongs together, what others have. */
async function assertGivable(
  host: Host,
  { domid }: GrantTarget,
  devices: readonly PciDevice[],
): Promise<void> {
  const hypervisor = host.hypervisor;
  const owners = await listPciOwners(host.store);
  for (const { address, name } of devices) {
    const owner = owners.find((entry) => formatPciAddress(entry.address) === name);
    if (owner === undefined) continue;
    throw new DeviceError('DEVICE_EXISTS', {
      message: `Domain ${owner.domid} has the PCI device ${name} already`,
      context: { device: name, domid: owner.domid, bus: address.bus },
    });
  }
  const holders = await livingHolders(host, owners);
  const groups = await Promise.all(
    devices.flatMap(({ address }) =>
      holders.map(async (holder) => hypervisor.pciGroup(holder, address)),
    ),
  );
  const own = owners.filter((owner) => owner.domid === domid);
  const reasons = pciConflicts(devices, {
    all: await listPciDevices(getPciSysfs(host)),
    group: groups.flat().map(formatPciAddress),
    own: own.map(({ address }) => formatPciAddress(address)),
  });
  if (reasons.length > 0) {
    throw new DeviceError('DEVICE_FAILED', {
      message: `These PCI devices cannot be given to domain ${domid}: ${[...new Set(reasons)].join('; ')}`,
      context: { domid },
    });
  }
  for (const { address, name } of devices) {
    if (await hypervisor.isPciAssignable(address)) continue;
    throw new DeviceError('DEVICE_FAILED', {
      message: `Xen does not let the PCI device ${name} be given away: there is no IOMMU, or somebody has it`,
      context: { device: name, domid },
    });
  }
}

/** Xen tells of a group only what one domain has of it, so everybody who has devices is asked about. */
async function livingHolders(
  { hypervisor }: Host,
  owners: readonly { readonly domid: Domid }[],
): Promise<readonly Domid[]> {
  const living = new Set((await hypervisor.listDomains()).map(({ domid }) => domid));
  const holders = new Set([DOM0, ...owners.map(({ domid }) => domid)]);
  return [...holders].filter((domid) => living.has(domid));
}

async function takeOne(
  host: Host,
  target: GrantTarget,
  device: PciDevice,
  isPermissive: boolean,
  { allowNoReset = false }: AttachPciOptions,
  undo: CleanupStack,
): Promise<void> {
  const { domid } = target;
  const { address, name } = device;
  const hypervisor = host.hypervisor;
  const sysfs = getPciSysfs(host);
  await writeLedger(host, domid, device, { ...planGrants(device), isPermissive });
  undo.push(`the record of ${name}`, () => removeLedger(host, domid, device));
  if (!(await resetPciDevice(sysfs, device)) && !allowNoReset) throw noReset(device);
  await hypervisor.assignPci(domid, address);
  undo.push(`the assignment of ${name}`, async () => {
    await hypervisor.deassignPci(domid, address);
    await quarantine(host, address);
    await resetPciDevice(sysfs, device);
  });
  const granted = await grantResources(hypervisor, target, device, undo);
  await writeLedger(host, domid, device, { ...granted, isPermissive });
  if (isPermissive) await setPermissive(sysfs, device);
}

async function plugAll(
  host: Host,
  domid: Domid,
  configs: readonly PciConfig[],
  { signal }: AttachPciOptions,
  undo: CleanupStack,
): Promise<void> {
  const model = await adoptDeviceModel(host, domid, { signal });
  if (model === undefined) {
    throw new DeviceError('DEVICE_FAILED', {
      message: `Domain ${domid} has no device model to show it PCI devices; start it with add_dm first`,
      context: { domid },
    });
  }
  undo.push('the connection to the device model', () => model[Symbol.asyncDispose]());
  const { clock } = host.services;
  for (const { address, permissive = false } of configs) {
    await plugEmulated(model, address, { permissive, signal });
    undo.push(formatPciAddress(address), () => unplugEmulated(model, address, { clock }));
  }
  await model[Symbol.asyncDispose]();
}

async function writeLedger(
  host: Host,
  domid: Domid,
  { address }: PciDevice,
  grants: PciGrants,
): Promise<void> {
  await host.store.transaction(async (tree) => {
    await Promise.all([
      tree.write(pciRecord(address, 'domid'), String(domid)),
      tree.setPermissions(pciRecord(address, 'domid'), ownedBy(DOM0)),
      tree.write(grantsRecord(domid, address), renderGrants(grants)),
    ]);
  });
}

/** Forgets that the domain has the device. */
export async function removeLedger(
  host: Host,
  domid: Domid,
  { address }: Pick<PciDevice, 'address'>,
): Promise<void> {
  await host.store.transaction(async (tree) => {
    await tree.rm(grantsRecord(domid, address));
    await pruneEmpty(tree, [ownRecordPath(domid, 'pci')]);
    await removePciRecord(tree, address, 'domid');
  });
}
