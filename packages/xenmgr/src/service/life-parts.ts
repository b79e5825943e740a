/** The parts of the manager that take part in the life of VMs, in the order in which they are asked. */
import { diskPart } from '../disks/disk-part.ts';
import type { LifePart, VmLife } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { pciPart } from '../pci/pci-part.ts';
import { environmentPart } from '../product/environment-part.ts';
import { networkPart } from '../nics/network-part.ts';

/** `life` is asked only when a VM starts or stops. */
export function lifeParts(around: Surroundings, life: () => VmLife): readonly LifePart[] {
  return [
    networkPart(around, life),
    pciPart(around, life),
    diskPart(around),
    environmentPart(around),
  ];
}
