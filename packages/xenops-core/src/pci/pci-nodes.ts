/**
 * The bus of a domain in xenstore: made with its first devices, changed for further ones. The guest is told of a change by the back-end's state
 * Reconfiguring and agrees by Connected (drivers/xen/xen-pciback/xenbus.c).
 */
import { attachDevice, backendReached } from '../devices/attach.ts';
import {
  describePci,
  pciBusAddress,
  pciDevicesKeys,
  type PciConfig,
} from '../devices/classes/pci.ts';
import { detachDevice } from '../devices/detach.ts';
import type { DeviceOptions } from '../devices/timeouts.ts';
import { XENBUS } from '../devices/xenbus-state.ts';
import type { Host } from '../host/host.ts';
import { formatPciAddress, type PciAddress } from '../hypervisor/pci-address.ts';
import { deviceBackendPath, domainPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import type { GrantTarget } from './grants.ts';

/** Devices that a bus of pciback has room for (`PCI_SLOT` of its virtual bus). */
const BUS_DEVICES_MAX = 32;
const DEVICE_KEYS = ['key', 'dev', 'opts', 'state', 'vdev', 'vdevfn'] as const;

/** Puts devices on the domain's bus; the guest of a PV domain must agree when it has a bus already. */
export async function addToBus(
  host: Host,
  { domid, guestType }: GrantTarget,
  devices: readonly PciConfig[],
  options: DeviceOptions,
): Promise<void> {
  const bus = pciBusAddress(domid);
  const back = deviceBackendPath(bus);
  if ((await host.store.find(`${back}/num_devs`)) === undefined) {
    const name = (await host.store.find(domainPath(domid, 'name'))) ?? '';
    await attachDevice(host, describePci(domid, name, devices), options);
    return;
  }
  const isAgreed = guestType === 'pv';
  if (isAgreed) await backendReached(host, bus, XENBUS.connected, options);
  await host.store.transaction(async (tree) => {
    const count = (await listBus(tree, back)).length;
    await writeAll(tree, back, {
      ...pciDevicesKeys(devices, count),
      num_devs: String(count + devices.length),
      ...(isAgreed ? { state: String(XENBUS.reconfiguring) } : {}),
    });
  });
  if (isAgreed) await backendReached(host, bus, XENBUS.connected, options);
}

/** Takes devices from the domain's bus, and the bus away with the last of them. */
export async function removeFromBus(
  host: Host,
  { domid, guestType }: GrantTarget,
  addresses: readonly PciAddress[],
  { mode, ...options }: DeviceOptions & { readonly mode: 'clean' | 'force' },
): Promise<void> {
  const bus = pciBusAddress(domid);
  const back = deviceBackendPath(bus);
  const gone = new Set(addresses.map(formatPciAddress));
  const present = await listBus(host.store, back);
  if (present.every((name) => gone.has(name))) {
    await detachDevice(host, bus, { ...options, mode: guestType === 'pv' ? mode : 'force' });
    return;
  }
  if (guestType === 'pv' && mode === 'clean') {
    await backendReached(host, bus, XENBUS.connected, options);
    const closing = present.flatMap((name, index) => (gone.has(name) ? [index] : []));
    await host.store.transaction((tree) =>
      writeAll(tree, back, {
        ...Object.fromEntries(closing.map((index) => [`state-${index}`, String(XENBUS.closing)])),
        state: String(XENBUS.reconfiguring),
      }),
    );
    await backendReached(host, bus, XENBUS.connected, options);
  }
  await host.store.transaction((tree) => compact(tree, back, gone));
}

/** Names of the devices on a bus, by their number. The back-end's folder is Dom0's own: no guest writes there. */
export async function listBus(tree: XenStoreTree, back: string): Promise<readonly string[]> {
  const text = await tree.find(`${back}/num_devs`);
  const count = /^\d{1,2}$/.test(text ?? '') ? Math.min(Number(text), BUS_DEVICES_MAX) : 0;
  const names = await findMany(
    tree,
    Array.from({ length: count }, (_, index) => `${back}/dev-${index}`),
  );
  return names.map((name) => name ?? '');
}

/** Numbers those that stay from 0 again, as libxl expects. */
async function compact(tree: XenStoreTree, back: string, gone: ReadonlySet<string>): Promise<void> {
  const names = await listBus(tree, back);
  const kept = names.flatMap((name, index) => (gone.has(name) ? [] : [index]));
  const values = await Promise.all(
    kept.map((index) =>
      findMany(
        tree,
        DEVICE_KEYS.map((key) => `${back}/${key}-${index}`),
      ),
    ),
  );
  await Promise.all(
    names.flatMap((_, index) => DEVICE_KEYS.map((key) => tree.rm(`${back}/${key}-${index}`))),
  );
  const moved = values.flatMap((row, index) =>
    row.flatMap((value, column): [string, string][] =>
      value === undefined ? [] : [[`${DEVICE_KEYS[column] ?? ''}-${index}`, value]],
    ),
  );
  await writeAll(tree, back, { ...Object.fromEntries(moved), num_devs: String(kept.length) });
}

async function writeAll(
  tree: XenStoreTree,
  root: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  await Promise.all(
    Object.entries(values).map(([key, value]) => tree.write(`${root}/${key}`, value)),
  );
}
