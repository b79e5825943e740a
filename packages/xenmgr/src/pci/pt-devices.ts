/** The PCI devices that a VM gets when it starts now. */
import type { Surroundings } from '../manager/manager.ts';
import { hostPciDevices, type HostPciDevice } from '../host/pci-devices.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { guestSlot, matches, ptRules } from './pt-rules.ts';

/** A device on its way to a guest. */
export interface PtDevice {
  readonly device: HostPciDevice;
  readonly slot: number | undefined;
}

const INTEL = 0x8086;
const AMT_CLASSES = { communication: 0x0780, serial: 0x0700 } as const;

/** The card of the VM with the other functions beside it, then AMT's devices, then what its rules mean. */
export async function ptDevices(
  { database, places }: Pick<Surroundings, 'database' | 'places'>,
  uuid: string,
): Promise<readonly PtDevice[]> {
  const view = database.view();
  const settings = vmSettings(view, uuid);
  const gpu = settings.text('gpu');
  const isAmt = settings.flag('amt-pt') && view.read('/system-amt-pt-active') === 'true';
  const rules = ptRules(view, uuid).map(({ rule }) => rule);
  const chosen = new Map<string, PtDevice>();
  const choose = (device: HostPciDevice, slot?: number): void => {
    if (!chosen.has(device.address)) chosen.set(device.address, { device, slot });
  };
  const devices = await hostPciDevices(places);
  for (const device of devices) if (isFunctionOf(device, gpu)) choose(device);
  for (const device of isAmt ? devices : []) {
    if (isAmtDevice(device)) choose(device, hostSlot(device));
  }
  for (const device of devices) {
    const rule = rules.find((candidate) => matches(candidate, device));
    if (rule !== undefined) choose(device, guestSlot(rule, device));
  }
  return [...chosen.values()];
}

/** Whether a device is the card, or a function beside it such as its sound. */
function isFunctionOf({ address }: HostPciDevice, gpu: string): boolean {
  return /\.[0-7]$/.test(gpu) && address.slice(0, -1) === gpu.slice(0, -1);
}

function isAmtDevice(device: HostPciDevice): boolean {
  const { communication, serial } = AMT_CLASSES;
  return device.vendor === INTEL && [communication, serial].some((kind) => kind === device.class);
}

function hostSlot(device: HostPciDevice): number | undefined {
  if (device.class !== AMT_CLASSES.communication) return undefined;
  return Number.parseInt(device.address.slice(8, 10), 16);
}
