export {
  DOMID_IO,
  listPci,
  makePciAssignable,
  returnPciDevice,
  type PciListing,
} from './assignable.ts';
export { attachPci, type AttachPciOptions } from './attach.ts';
export { pciConflicts, type PciNeighbours } from './conflicts.ts';
export { detachPci, releaseDeadPci, type DetachPciOptions } from './detach.ts';
export { planGrants, type PciGrants } from './grants.ts';
export { parseResources, type PciBar, type PciDevice } from './pci-device.ts';
export { listPciOwners } from './pci-records.ts';
export { findPciSysfs, getPciSysfs, openPciSysfs, type PciSysfs } from './pci-sysfs.ts';
export { describePci, type PciConfig } from '../devices/classes/pci.ts';
