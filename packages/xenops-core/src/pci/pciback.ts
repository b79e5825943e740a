/** The driver that keeps devices for guests (drivers/xen/xen-pciback/pci_stub.c), and giving a device to a driver. */
import { DeviceError } from '../errors.ts';
import type { PciDevice } from './pci-device.ts';
import type { PciSysfs } from './pci-sysfs.ts';

export const PCIBACK = 'pciback';
const PCIBACK_FOLDER = `drivers/${PCIBACK}`;

/** Takes the device from its driver; one that has none stays as it is. */
export async function unbindDriver(sysfs: PciSysfs, { name }: PciDevice): Promise<void> {
  const driver = await sysfs.readLink(`devices/${name}/driver`);
  if (driver !== undefined) await command(sysfs, `drivers/${driver}/unbind`, name);
}

/** Gives a device without a driver to this one. Rejects with HOTPLUG_FAILED. */
export async function bindDriver(
  sysfs: PciSysfs,
  { name }: PciDevice,
  driver: string,
): Promise<void> {
  await command(sysfs, `drivers/${driver}/bind`, name);
}

/** Gives a device without a driver to pciback. Rejects with HOTPLUG_FAILED. */
export async function bindPciback(sysfs: PciSysfs, device: PciDevice): Promise<void> {
  const slots = await sysfs.read(`${PCIBACK_FOLDER}/slots`);
  if (slots === undefined) {
    throw new DeviceError('HOTPLUG_FAILED', {
      message: `The PCI device ${device.name} cannot be kept for guests: this kernel has no pciback; load the module xen-pciback`,
      context: { device: device.name },
    });
  }
  // Told twice of a device, pciback keeps it twice and forgets it once.
  if (!slots.split('\n').some((line) => line.trim() === device.name)) {
    await command(sysfs, `${PCIBACK_FOLDER}/new_slot`, device.name);
  }
  await bindDriver(sysfs, device, PCIBACK);
}

/** Takes a device from pciback, which forgets it. */
export async function releaseFromPciback(sysfs: PciSysfs, device: PciDevice): Promise<void> {
  await unbindDriver(sysfs, device);
  const slots = (await sysfs.read(`${PCIBACK_FOLDER}/slots`)) ?? '';
  if (slots.split('\n').some((line) => line.trim() === device.name)) {
    await command(sysfs, `${PCIBACK_FOLDER}/remove_slot`, device.name);
  }
}

/** Lets the guest write all of the device's configuration space, until it is bound to pciback anew. */
export async function setPermissive(sysfs: PciSysfs, { name }: PciDevice): Promise<void> {
  await command(sysfs, `${PCIBACK_FOLDER}/permissive`, name);
}

/** Resets the device, where the kernel can; false when it knows no way. Rejects with HOTPLUG_FAILED. */
export async function resetPciDevice(sysfs: PciSysfs, { name }: PciDevice): Promise<boolean> {
  if ((await sysfs.list(PCIBACK_FOLDER)).includes('do_flr')) {
    await command(sysfs, `${PCIBACK_FOLDER}/do_flr`, name);
    return true;
  }
  if (!(await sysfs.list(`devices/${name}`)).includes('reset')) return false;
  await command(sysfs, `devices/${name}/reset`, '1', name);
  return true;
}

async function command(
  sysfs: PciSysfs,
  file: string,
  text: string,
  device: string = text,
): Promise<void> {
  try {
    await sysfs.write(file, text);
  } catch (cause) {
    throw new DeviceError('HOTPLUG_FAILED', {
      message: `The kernel refused to do ${file} for the PCI device ${device}`,
      context: { device, file },
      cause,
    });
  }
}
