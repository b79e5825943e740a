/** Verbs that give a domain ports, memory and interrupts of the machine; PCI devices are in pci-verbs.ts. */
import type { HardwareAccess } from '@xenops/core/hypervisor';
import { checkWhole, type CallPlace } from './call-failure.ts';
import { isContainer, type DomainRecord, type HardwareRights } from './domain-record.ts';
import { refuse, type XenState } from './xen-state.ts';

const PORTS = 0x1_0000;
/** Ports that Dom0 has not got itself: interrupt controllers, timer, PCI (`dom0_setup_permissions`, xen/arch/x86/dom0_build.c). */
const XEN_PORTS: readonly (readonly [first: number, last: number])[] = [
  [0x20, 0x21],
  [0x40, 0x43],
  [0x61, 0x61],
  [0xa0, 0xa1],
  [0xcf8, 0xcfb],
];
/** Frames of the local APIC and the first I/O APIC, which Dom0 has not got either. */
const XEN_FRAMES: readonly bigint[] = [0xfec00n, 0xfee00n];
/** Frames of the machine (`paddr_bits` of 48, less the page). */
const FRAMES_END = 1n << 36n;
const U64_END = 1n << 64n;
/** Interrupts of an ordinary machine: of the I/O APICs, and pirqs in all. */
const GSI_COUNT = 24;
const PIRQ_COUNT = 256;

type RightsVerbs = Omit<
  HardwareAccess,
  'isPciAssignable' | 'assignPci' | 'deassignPci' | 'pciGroup'
>;

export function hardwareVerbs(xen: XenState): RightsVerbs {
  return { ...portVerbs(xen), ...memoryVerbs(xen), ...irqVerbs(xen) };
}

function portVerbs(xen: XenState): Pick<RightsVerbs, 'setIoportPermission' | 'setIoportMapping'> {
  return {
    setIoportPermission(domid, { firstPort, count }, allow) {
      const place = { call: 'xc_domain_ioport_permission', domid };
      const domain = xen.get(domid, place.call);
      checkPorts(firstPort, count, place);
      setRight(rightsOf(domain).ioports, `${firstPort}+${count}`, allow);
    },
    setIoportMapping(domid, { guestPort, machinePort, count }, add) {
      const place = { call: 'xc_domain_ioport_mapping', domid };
      const domain = xen.get(domid, place.call);
      if (!isContainer(domain)) {
        refuse(place, 'EOPNOTSUPP', `Domain ${domid} is no hardware container`);
      }
      checkRange(guestPort, count, place);
      checkPorts(machinePort, count, place);
      // The mapping gives, and takes, the permission too.
      setRight(rightsOf(domain).ioports, `${machinePort}+${count}`, add);
    },
  };
}

function checkRange(first: number, count: number, place: CallPlace): void {
  checkWhole(first, { min: 0, max: PORTS - 1, what: 'A port' }, place);
  checkWhole(count, { min: 1, max: PORTS - first, what: 'A count of ports' }, place);
}

function checkPorts(first: number, count: number, place: CallPlace): void {
  checkRange(first, count, place);
  if (XEN_PORTS.some(([from, to]) => first <= to && first + count > from)) {
    refuse(place, 'EPERM', `Dom0 has no right to the ports from ${first}`);
  }
}

function memoryVerbs(xen: XenState): Pick<RightsVerbs, 'setIomemPermission' | 'setIomemMapping'> {
  return {
    setIomemPermission(domid, { firstFrame, count }, allow) {
      const place = { call: 'xc_domain_iomem_permission', domid };
      const domain = xen.get(domid, place.call);
      checkFrames(firstFrame, count, U64_END, place);
      setRight(rightsOf(domain).iomem, `${firstFrame}+${count}`, allow);
    },
    setIomemMapping(domid, { guestFrame, machineFrame, count }, add) {
      const place = { call: 'xc_domain_memory_mapping', domid };
      const domain = xen.get(domid, place.call);
      if (!isContainer(domain)) refuse(place, 'EINVAL', `Domain ${domid} is no hardware container`);
      checkFrames(machineFrame, count, FRAMES_END, place);
      const rights = rightsOf(domain);
      if (!rights.iomem.has(`${machineFrame}+${count}`)) {
        refuse(place, 'EPERM', `Domain ${domid} has no right to the frames from ${machineFrame}`);
      }
      setRight(rights.iomemMapped, `${guestFrame}+${count}`, add);
    },
  };
}

function checkFrames(first: bigint, count: number, end: bigint, place: CallPlace): void {
  checkWhole(count, { min: 1, max: Number.MAX_SAFE_INTEGER, what: 'A count of frames' }, place);
  const last = first + BigInt(count) - 1n;
  if (first < 0n || last >= end) refuse(place, 'EINVAL', `There are no frames from ${first}`);
  if (XEN_FRAMES.some((frame) => frame >= first && frame <= last)) {
    refuse(place, 'EPERM', `Dom0 has no right to the frames from ${first}`);
  }
}

function irqVerbs(xen: XenState): Pick<RightsVerbs, 'mapPirq' | 'unmapPirq' | 'setIrqPermission'> {
  return {
    mapPirq(domid, irq) {
      const place = { call: 'xc_physdev_map_pirq', domid };
      const domain = xen.get(domid, place.call);
      checkWhole(irq, { min: 0, max: GSI_COUNT - 1, what: 'An interrupt' }, place);
      const { pirqs, irqs } = rightsOf(domain);
      // The same number is asked for.
      pirqs.set(irq, irq);
      irqs.add(irq);
      return irq;
    },
    unmapPirq(domid, pirq) {
      const place = { call: 'xc_physdev_unmap_pirq', domid };
      const domain = xen.get(domid, place.call);
      const { pirqs, irqs } = rightsOf(domain);
      const irq = pirqs.get(pirq);
      if (irq === undefined) {
        return refuse(place, 'EINVAL', `Domain ${domid} has no interrupt at pirq ${pirq}`);
      }
      pirqs.delete(pirq);
      irqs.delete(irq);
    },
    setIrqPermission(domid, pirq, allow) {
      const place = { call: 'xc_domain_irq_permission', domid };
      const domain = xen.get(domid, place.call);
      checkWhole(pirq, { min: 0, max: PIRQ_COUNT - 1, what: 'A pirq' }, place);
      // It is one of the caller's, Dom0's: it has those of the I/O APICs.
      if (pirq === 0 || pirq >= GSI_COUNT) {
        refuse(place, 'EPERM', `Dom0 has no right to the interrupt of pirq ${pirq}`);
      }
      const { irqs } = rightsOf(domain);
      if (allow) irqs.add(pirq);
      else irqs.delete(pirq);
    },
  };
}

function rightsOf(domain: DomainRecord): HardwareRights {
  domain.hardware ??= {
    ioports: new Set(),
    iomem: new Set(),
    iomemMapped: new Set(),
    pirqs: new Map(),
    irqs: new Set(),
  };
  return domain.hardware;
}

function setRight(rights: Set<string>, range: string, allow: boolean): void {
  if (allow) rights.add(range);
  else rights.delete(range);
}
