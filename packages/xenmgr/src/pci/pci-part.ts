/** PCI devices in the life of VMs: a device goes to one running VM, be it a user's or a service's. */
import type { LifePart, VmLife } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { isGpu } from '../host/pci-devices.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from '../vms/slots.ts';
import { ptDevices, type PtDevice } from './pt-devices.ts';

const INTEL = 0x8086;

/** The part of the PCI devices. */
export function pciPart(around: Surroundings, life: () => VmLife): LifePart {
  return {
    name: 'PCI devices',
    async check(uuid) {
      const devices = await ptDevices(around, uuid);
      refuseBootCard(devices);
      const others = vmUuids(around.database.view()).filter(
        (other) => other !== uuid && life().isRunning(other),
      );
      for (const other of others) await refuseShared(around, uuid, devices, other);
    },
    async facts(uuid) {
      const devices = await ptDevices(around, uuid);
      return {
        pciDevices: devices.map(({ device, slot }) => ({
          address: device.address,
          ...(slot === undefined ? {} : { guestSlot: slot }),
        })),
      };
    },
  };
}

/** An Intel card that the firmware has not set up is none that a guest could use as its second one. */
function refuseBootCard(devices: readonly PtDevice[]): void {
  const bad = devices.find(
    ({ device }) => isGpu(device) && device.vendor === INTEL && !device.isBootVga,
  );
  if (bad === undefined) return;
  throw new ManagerError('GPU_NOT_SECONDARY', {
    message: `The Intel GPU ${bad.device.address} cannot be the second card of a guest`,
    context: { address: bad.device.address },
  });
}

async function refuseShared(
  around: Surroundings,
  uuid: string,
  devices: readonly PtDevice[],
  other: string,
): Promise<void> {
  const view = around.database.view();
  const both = (name: string): boolean =>
    vmSettings(view, uuid).flag(name) && vmSettings(view, other).flag(name);
  if (both('amt-pt') && view.read('/system-amt-pt-active') === 'true') {
    throw new ManagerError('AMT_IN_USE', { message: `The VM ${other} has AMT already` });
  }
  if (both('oem-acpi-features')) {
    throw new ManagerError('OEM_FEATURES_IN_USE', {
      message: `The VM ${other} has the OEM features of ACPI already`,
    });
  }
  const taken = new Set((await ptDevices(around, other)).map(({ device }) => device.address));
  const shared = devices.find(({ device }) => taken.has(device.address));
  if (shared === undefined) return;
  throw new ManagerError('PCI_DEVICE_IN_USE', {
    message: `The PCI device ${shared.device.address} is in use by the VM ${other}`,
    context: { address: shared.device.address, uuid: other },
  });
}
