/** Networks of interfaces that are in use: taken off, put back, moved. The guest keeps its device and sees no more than its cable. */
import { rewireChange } from '../devices/plan.ts';
import { describeVif, type Network, type VifConfig } from '../devices/classes/vif.ts';
import type { DeviceDescription } from '../devices/device.ts';
import type { DeviceOptions } from '../devices/timeouts.ts';
import { withUndo } from '../domain/with-undo.ts';
import { ConfigError, DeviceError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { connectHotplug } from '../hotplug/connect.ts';
import { disconnectHotplug } from '../hotplug/disconnect.ts';
import { getHotplug } from '../hotplug/get-hotplug.ts';
import { DOM0, type Domid } from '../ids.ts';
import { applyTreeChange } from '../xenstore/nodes.ts';
import { deviceBackendPath, ownRecordPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';

/** Which interface. */
export interface VifAddress {
  readonly domid: Domid;
  readonly devid: number;
}

/** What differs between networks. */
const NETWORK_KEYS = ['bridge', 'script'] as const;

/**
 * Connects the interface to another network; its device model's card too. Rejects with DEVICE_NOT_FOUND, CONFIG_BAD_VALUE, HOTPLUG_FAILED, TIMEOUT
 * or ABORTED; the interface is on its old network then.
 */
export async function moveVif(
  host: Host,
  vif: VifAddress,
  network: Network,
  options: DeviceOptions = {},
): Promise<void> {
  const config = await getConfig(host, vif);
  const [before, after] = [
    describeVif(vif.domid, config),
    describeVif(vif.domid, withNetwork(config, network)),
  ];
  await withUndo(`Moving vif ${vif.devid} of domain ${vif.domid}`, async (undo) => {
    undo.push('the network that it was on', async () => {
      await disconnectHotplug(host, after.address, {});
      await rewire(host, before, {});
    });
    await disconnectHotplug(host, before.address, options);
    await rewire(host, after, options);
  });
}

/**
 * Takes the interface off its network, or puts it back. Rejects with DEVICE_NOT_FOUND, DEVICE_REFUSED (a driver domain serves it, which has no
 * way of being asked), HOTPLUG_FAILED, TIMEOUT or ABORTED.
 */
export async function setVifOnline(
  host: Host,
  vif: VifAddress,
  isOnline: boolean,
  options: DeviceOptions = {},
): Promise<void> {
  const description = describeVif(vif.domid, await getConfig(host, vif));
  if (description.address.backend !== DOM0) {
    throw new DeviceError('DEVICE_REFUSED', {
      message: `Vif ${vif.devid} of domain ${vif.domid} is served by domain ${description.address.backend}, which decides itself when it is online`,
      context: { ...vif },
    });
  }
  if (isOnline) {
    await connectAll(host, description, options);
    return;
  }
  await disconnectHotplug(host, description.address, options);
  await host.store.write(`${deviceBackendPath(description.address)}/hotplug-status`, '');
}

/** A script of its own knows one kind of network only: the new one brings its own. */
function withNetwork(config: VifConfig, network: Network): VifConfig {
  if (network.kind === config.network.kind) return { ...config, network };
  const { script: _, ...rest } = config;
  return { ...rest, network };
}

/** Puts the new network on record before anything is connected to it, so that whoever takes the device away finds that. */
async function rewire(
  host: Host,
  description: DeviceDescription,
  options: DeviceOptions,
): Promise<void> {
  const change = rewireChange(description, NETWORK_KEYS);
  await host.store.transaction(async (tree) => {
    await applyTreeChange(tree, change);
    if (description.hotplug.kind !== 'remote') {
      await tree.write(`${deviceBackendPath(description.address)}/hotplug-status`, '');
    }
  });
  // The network daemon of a driver domain follows the node; its part was done when the device came.
  if (description.hotplug.kind !== 'remote') await connectAll(host, description, options);
}

/** The interface, and the card that a device model emulates for it. */
async function connectAll(
  host: Host,
  description: DeviceDescription,
  options: DeviceOptions,
): Promise<void> {
  await connectHotplug(host, description, options);
  const { hotplug, backendKeys, address } = description;
  if (hotplug.kind !== 'bridge' || backendKeys['type'] !== 'vif_ioemu') return;
  const tap = `vif${address.frontend}.${address.devid}-emu`;
  const services = getHotplug(host);
  const links = await services.listLinks();
  // Until the guest's own driver takes over, the card is the interface; afterwards it may be gone.
  if (links.some(({ name }) => name === tap)) await services.joinBridge(tap, hotplug.bridge);
}

async function getConfig(host: Host, { domid, devid }: VifAddress): Promise<VifConfig> {
  const texts = await findMany(
    host.store,
    ['vif', 'vwif'].map((kind) => ownRecordPath(domid, 'device', kind, String(devid), 'config')),
  );
  const text = texts.find((value) => value !== undefined);
  if (text === undefined) {
    throw new DeviceError('DEVICE_NOT_FOUND', {
      message: `Domain ${domid} has no network interface ${devid} of ours; list_devices shows what it has`,
      context: { domid, devid },
    });
  }
  // Written by attachChange, where only Dom0 writes.
  const config = JSON.parse(text) as VifConfig;
  if (typeof config.mac === 'string') return config;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `The record of network interface ${devid} of domain ${domid} is damaged`,
    context: { domid, devid },
  });
}
