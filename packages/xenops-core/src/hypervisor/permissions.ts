/** Verbs that give a domain hardware: ports, memory, interrupts, PCI devices. Each has its opposite (`allow: false`, unmap, deassign). */
import type { Domid } from '../ids.ts';
import type { Awaitable } from './awaitable.ts';
import type { PciAddress } from './pci-address.ts';

export interface PortRange {
  /** 0 to 0xffff. */
  readonly firstPort: number;
  readonly count: number;
}

export interface FrameRange {
  readonly firstFrame: bigint;
  readonly count: number;
}

export interface HardwareAccess {
  setIoportPermission(domid: Domid, ports: PortRange, allow: boolean): Awaitable<void>;
  /** Lets a hardware container reach machine ports under guest port numbers (`xc_domain_ioport_mapping`). HYPERVISOR_NOT_SUPPORTED for a PV domain. */
  setIoportMapping(
    domid: Domid,
    mapping: { readonly guestPort: number; readonly machinePort: number; readonly count: number },
    add: boolean,
  ): Awaitable<void>;
  setIomemPermission(domid: Domid, frames: FrameRange, allow: boolean): Awaitable<void>;
  /** Puts machine frames into the physical memory of a hardware container (`xc_domain_memory_mapping`). HYPERVISOR_BAD_ARGUMENT for a PV domain. */
  setIomemMapping(
    domid: Domid,
    mapping: { readonly guestFrame: bigint; readonly machineFrame: bigint; readonly count: number },
    add: boolean,
  ): Awaitable<void>;
  /** `xc_physdev_map_pirq`: the pirq to give permission for, which has the number of the interrupt. */
  mapPirq(domid: Domid, irq: number): Awaitable<number>;
  unmapPirq(domid: Domid, pirq: number): Awaitable<void>;
  setIrqPermission(domid: Domid, pirq: number, allow: boolean): Awaitable<void>;
  /** Whether the device could be given to a guest now: it exists, there is an IOMMU, and nobody has it (`xc_test_assign_device`). */
  isPciAssignable(address: PciAddress): Awaitable<boolean>;
  assignPci(
    domid: Domid,
    address: PciAddress,
    options?: { readonly rdmRelaxed?: boolean },
  ): Awaitable<void>;
  deassignPci(domid: Domid, address: PciAddress): Awaitable<void>;
  /** The devices that can only be given away together with this one (`xc_get_device_group`). */
  pciGroup(domid: Domid, address: PciAddress): Awaitable<readonly PciAddress[]>;
}
