/** Giving a domain hardware: ports, memory, interrupts, PCI devices. */
import { hasCode } from '@xenops/core/errors';
import {
  formatPciAddress,
  pciAddressFromSbdf,
  sbdfFromPciAddress,
  type HardwareAccess,
  type PciAddress,
} from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import { onDomain, onGuest, onHost, type Connection, type Deed, type Verbs } from './connection.ts';

export type HardwareVerbs = Verbs<HardwareAccess, 'setIomemMapping' | 'assignPci' | 'deassignPci'>;

/** The verbs of `HardwareAccess`. */
export function hardwareVerbs(connection: Connection): HardwareVerbs {
  return { ...rangeVerbs(connection), ...irqVerbs(connection), ...pciVerbs(connection) };
}

type RangeVerb =
  'setIoportPermission' | 'setIoportMapping' | 'setIomemPermission' | 'setIomemMapping';

function rangeVerbs(connection: Connection): Pick<HardwareVerbs, RangeVerb> {
  return {
    setIoportPermission(domid, { firstPort, count }, allow) {
      const deed = onDomain('set port permissions of', domid, { firstPort, count, allow });
      connection.call(deed, (xc, addon) => {
        addon.setIoportPermission(xc, domid, firstPort, count, allow);
      });
    },
    setIoportMapping(domid, { guestPort, machinePort, count }, add) {
      const context = { guestPort, machinePort, count, add };
      connection.call(onGuest('map ports for', domid, context), (xc, addon) => {
        addon.setIoportMapping(xc, domid, guestPort, machinePort, count, add);
      });
    },
    setIomemPermission(domid, { firstFrame, count }, allow) {
      const context = { firstFrame: firstFrame.toString(), count, allow };
      connection.call(onDomain('set memory permissions of', domid, context), (xc, addon) => {
        addon.setIomemPermission(xc, domid, firstFrame, count, allow);
      });
    },
    async setIomemMapping(domid, { guestFrame, machineFrame, count }, add) {
      const frames = { guestFrame: guestFrame.toString(), machineFrame: machineFrame.toString() };
      await connection.run(
        onGuest('map machine memory for', domid, { ...frames, count, add }),
        (xc, _, addon) =>
          addon.startSetIomemMapping(xc, domid, guestFrame, machineFrame, count, add),
      );
    },
  };
}

function irqVerbs(
  connection: Connection,
): Pick<HardwareVerbs, 'mapPirq' | 'unmapPirq' | 'setIrqPermission'> {
  return {
    mapPirq: (domid, irq) =>
      connection.call(onDomain(`map interrupt ${irq} for`, domid, { irq }), (xc, addon) =>
        addon.mapPirq(xc, domid, irq),
      ),
    unmapPirq(domid, pirq) {
      connection.call(onDomain(`unmap interrupt ${pirq} of`, domid, { pirq }), (xc, addon) => {
        addon.unmapPirq(xc, domid, pirq);
      });
    },
    setIrqPermission(domid, pirq, allow) {
      const deed = onDomain('set interrupt permissions of', domid, { pirq, allow });
      connection.call(deed, (xc, addon) => {
        addon.setIrqPermission(xc, domid, pirq, allow);
      });
    },
  };
}

type PciVerb = 'isPciAssignable' | 'assignPci' | 'deassignPci' | 'pciGroup';

function pciVerbs(connection: Connection): Pick<HardwareVerbs, PciVerb> {
  return {
    isPciAssignable(address) {
      const name = formatPciAddress(address);
      const deed = onHost(`see whether ${name} can be given away`, { device: name });
      try {
        connection.call(deed, (xc, addon) => {
          addon.testAssignPci(xc, sbdfFromPciAddress(address));
        });
        return true;
      } catch (error) {
        if (isRefusal(error)) return false;
        throw error;
      }
    },
    async assignPci(domid, address, { rdmRelaxed = false } = {}) {
      await connection.run(onPci('give', address, 'to', domid), (xc, _, addon) =>
        addon.startAssignPci(xc, domid, sbdfFromPciAddress(address), rdmRelaxed),
      );
    },
    async deassignPci(domid, address) {
      await connection.run(onPci('take', address, 'from', domid), (xc, _, addon) =>
        addon.startDeassignPci(xc, domid, sbdfFromPciAddress(address)),
      );
    },
    pciGroup: (domid, address) =>
      connection.call(onPci('list the group of', address, 'for', domid), (xc, addon) =>
        Array.from(addon.pciGroup(xc, domid, sbdfFromPciAddress(address)), pciAddressFromSbdf),
      ),
  };
}

function onPci(verb: string, address: PciAddress, preposition: string, domid: Domid): Deed {
  const device = formatPciAddress(address);
  return onDomain(`${verb} ${device} ${preposition}`, domid, { device });
}

/** No such device, somebody has it, or no IOMMU: the answer to the question, no failure of asking it. */
function isRefusal(error: unknown): boolean {
  if (hasCode(error, 'HYPERVISOR_BUSY', 'HYPERVISOR_NOT_SUPPORTED')) return true;
  return hasCode(error, 'HYPERVISOR_CALL_FAILED') && error.context['errnoName'] === 'ENODEV';
}
