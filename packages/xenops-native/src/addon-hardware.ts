/** The addon's calls that give a domain hardware (cpp/hardware.cc). `sbdf` is the number of a PCI device. */
import type { AddonOperation, XcInterface } from './addon-types.ts';

export interface AddonHardware {
  /** `xc_domain_ioport_permission`. */
  setIoportPermission(
    xc: XcInterface,
    domid: number,
    firstPort: number,
    count: number,
    allow: boolean,
  ): void;
  /** `xc_domain_ioport_mapping`. */
  setIoportMapping(
    xc: XcInterface,
    domid: number,
    guestPort: number,
    machinePort: number,
    count: number,
    add: boolean,
  ): void;
  /** `xc_domain_iomem_permission`. */
  setIomemPermission(
    xc: XcInterface,
    domid: number,
    firstFrame: bigint,
    count: number,
    allow: boolean,
  ): void;
  /** `xc_domain_memory_mapping`; EINVAL for a PV domain. */
  startSetIomemMapping(
    xc: XcInterface,
    domid: number,
    guestFrame: bigint,
    machineFrame: bigint,
    count: number,
    add: boolean,
  ): AddonOperation<void>;
  /** `xc_physdev_map_pirq`: the pirq. */
  mapPirq(xc: XcInterface, domid: number, irq: number): number;
  /** `xc_physdev_unmap_pirq`. */
  unmapPirq(xc: XcInterface, domid: number, pirq: number): void;
  /** `xc_domain_irq_permission`. */
  setIrqPermission(xc: XcInterface, domid: number, pirq: number, allow: boolean): void;
  /** `xc_test_assign_device` for nobody in particular; fails when the device cannot be given away. */
  testAssignPci(xc: XcInterface, sbdf: number): void;
  /** `xc_assign_device` to a guest or DOMID_IO. */
  startAssignPci(
    xc: XcInterface,
    domid: number,
    sbdf: number,
    rdmRelaxed: boolean,
  ): AddonOperation<void>;
  /** `xc_deassign_device` from a guest or DOMID_IO. */
  startDeassignPci(xc: XcInterface, domid: number, sbdf: number): AddonOperation<void>;
  /** `xc_get_device_group`: their numbers. */
  pciGroup(xc: XcInterface, domid: number, sbdf: number): Uint32Array;
}

export const HARDWARE_ARITY: Readonly<Record<keyof AddonHardware, number>> = {
  setIoportPermission: 5,
  setIoportMapping: 6,
  setIomemPermission: 5,
  startSetIomemMapping: 6,
  mapPirq: 3,
  unmapPirq: 3,
  setIrqPermission: 4,
  testAssignPci: 2,
  startAssignPci: 4,
  startDeassignPci: 3,
  pciGroup: 3,
};
