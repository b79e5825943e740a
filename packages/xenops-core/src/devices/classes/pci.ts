/** PCI devices of the host served by pciback (drivers/xen/xen-pciback/xenbus.c; keys as libxl_pci.c writes them). One such device has them all. */
import { DOM0, type Domid } from '../../ids.ts';
import { formatPciAddress, type PciAddress } from '../../hypervisor/pci-address.ts';
import type { DeviceAddress, DeviceDescription } from '../device.ts';
import { XENBUS } from '../xenbus-state.ts';

export interface PciConfig {
  readonly address: PciAddress;
  /** The guest may write all of its configuration space. */
  readonly permissive?: boolean | undefined;
}

/** The device that has all of a domain's PCI devices. */
export function pciBusAddress(frontend: Domid): DeviceAddress {
  return { frontend, kind: 'pci', devid: 0, backend: DOM0, backendKind: 'pci' };
}

/** Describes the bus with these devices on it. `name` is the domain's. */
export function describePci(
  frontend: Domid,
  name: string,
  devices: readonly PciConfig[],
): DeviceDescription {
  return {
    address: pciBusAddress(frontend),
    backend: 'kernel',
    backendKeys: {
      domain: name,
      num_devs: String(devices.length),
      ...pciDevicesKeys(devices, 0),
    },
    frontendKeys: {},
    hotplug: { kind: 'none' },
  };
}

/** Keys of these devices in the back-end, numbered from `first`. */
export function pciDevicesKeys(
  devices: readonly PciConfig[],
  first: number,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    devices.flatMap((config, index) => Object.entries(deviceKeys(first + index, config))),
  );
}

function deviceKeys(
  index: number,
  { address, permissive = false }: PciConfig,
): Readonly<Record<string, string>> {
  const name = formatPciAddress(address);
  return {
    [`key-${index}`]: name,
    [`dev-${index}`]: name,
    [`opts-${index}`]: `msitranslate=0,power_mgmt=0,permissive=${permissive ? 1 : 0},rdm_policy=strict`,
    [`state-${index}`]: String(XENBUS.initialising),
  };
}
