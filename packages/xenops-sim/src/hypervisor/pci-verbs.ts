/** Verbs that give PCI devices away (`iommu_do_pci_domctl`, xen/drivers/passthrough/pci.c). */
import {
  formatPciAddress,
  sbdfFromPciAddress,
  type HardwareAccess,
  type PciAddress,
} from '@xenops/core/hypervisor';
import { DOM0 } from '@xenops/core/ids';
import type { CallPlace } from './call-failure.ts';
import { refuse, type XenState } from './xen-state.ts';

/** Who has a device, by SBDF number; Dom0 has those that are not there. */
export type PciOwners = Map<number, number>;

/** DOMID_IO: whose devices are kept from everybody (xen/include/public/xen.h). */
const QUARANTINE_DOMID = 0x7ff1;

type PciVerbs = Pick<HardwareAccess, 'isPciAssignable' | 'assignPci' | 'deassignPci' | 'pciGroup'>;

export function pciVerbs(xen: XenState, owners: PciOwners): PciVerbs {
  const { machine } = xen;
  return {
    isPciAssignable(address) {
      const sbdf = sbdfFromPciAddress(address);
      return machine.hasIommu && machine.pci.has(sbdf) && !isGiven(owners, sbdf);
    },
    assignPci(domid, address) {
      const place = { call: 'xc_assign_device', domid };
      withIommu(xen, domid, place);
      const sbdf = sbdfFromPciAddress(address);
      if (!machine.pci.has(sbdf))
        refuse(place, 'ENODEV', `There is no ${formatPciAddress(address)}`);
      if (isGiven(owners, sbdf)) {
        refuse(place, 'EBUSY', `Domain ${owners.get(sbdf)} has ${formatPciAddress(address)}`);
      }
      owners.set(sbdf, domid);
    },
    deassignPci(domid, address) {
      const place = { call: 'xc_deassign_device', domid };
      withIommu(xen, domid, place);
      const sbdf = sbdfFromPciAddress(address);
      if (owners.get(sbdf) !== domid) {
        refuse(place, 'ENODEV', `Domain ${domid} has no ${formatPciAddress(address)}`);
      }
      owners.delete(sbdf);
    },
    pciGroup(domid, address) {
      const place = { call: 'xc_get_device_group', domid };
      // Dom0's own devices can be asked about, though it is given none.
      if (domid !== DOM0) withIommu(xen, domid, place);
      return groupOf(xen, address);
    },
  };
}

/** Whether a guest has the device: what is quarantined can be given on. */
function isGiven(owners: PciOwners, sbdf: number): boolean {
  return owners.has(sbdf) && owners.get(sbdf) !== QUARANTINE_DOMID;
}

/** Gives back to Dom0 what a domain has. */
export function returnPciDevices(owners: PciOwners, domid: number): void {
  for (const [sbdf, owner] of owners) if (owner === domid) owners.delete(sbdf);
}

/** The others of the device's group. */
function groupOf(xen: XenState, address: PciAddress): readonly PciAddress[] {
  const sbdf = sbdfFromPciAddress(address);
  const group = xen.machine.pci.get(sbdf)?.group;
  return [...xen.machine.pci]
    .filter(([other, device]) => other !== sbdf && device.group === group)
    .map(([, device]) => device.address);
}

function withIommu(xen: XenState, domid: number, place: CallPlace): void {
  if (domid === QUARANTINE_DOMID && xen.machine.hasIommu) return;
  const domain = xen.getOther(domid, place.call, 'give a device to');
  if (domain.hasIommu) return;
  const message = xen.machine.hasIommu
    ? `Domain ${domid} was created without the right to devices`
    : 'The host has no IOMMU';
  refuse(place, 'EOPNOTSUPP', message);
}
