/** The parts of the manager that take part in the life of VMs, in the order in which they are asked. */
import { diskPart } from '../disks/disk-part.ts';
import { extractionPart } from '../disks/extraction-part.ts';
import { measuredPart } from '../disks/measured-part.ts';
import type { ArgoFirewall } from '../firewall/argo-firewall.ts';
import type { LifeService } from '../life/create-life.ts';
import type { LifePart } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { pciPart } from '../pci/pci-part.ts';
import { environmentPart } from '../product/environment-part.ts';
import { networkPart } from '../nics/network-part.ts';

/** `life` is asked only when a VM starts or stops. */
export function lifeParts(
  around: Surroundings,
  life: () => LifeService,
  firewall: ArgoFirewall,
): readonly LifePart[] {
  return [
    networkPart(around, life),
    pciPart(around, life),
    diskPart(around),
    measuredPart(around, life),
    extractionPart(around),
    environmentPart(around),
    firewall.part,
  ];
}
