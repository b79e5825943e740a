/** Connecting a back-end that waits in InitWait to its disk or network, and saying so in xenstore as the scripts do. */
import { ConfigError, DeviceError } from '../errors.ts';
import {
  deviceName,
  type DeviceAddress,
  type DeviceDescription,
  type HotplugPlan,
} from '../devices/device.ts';
import { DEVICE_TIMEOUTS, type DeviceOptions } from '../devices/timeouts.ts';
import type { Host } from '../host/host.ts';
import { CleanupStack } from '../lifetime/cleanup-stack.ts';
import { guestText } from '../parse/guest-text.ts';
import { deviceBackendPath, ownDeviceRecordPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import { waitFor } from '../xenstore/wait.ts';
import { getHotplug } from './get-hotplug.ts';
import { runHotplugScript } from './script.ts';

/** Rejects with HOTPLUG_FAILED, CONFIG_BAD_VALUE (a disk that is none), TIMEOUT or ABORTED. */
export async function connectHotplug(
  host: Host,
  { address, hotplug }: DeviceDescription,
  options: DeviceOptions,
): Promise<void> {
  switch (hotplug.kind) {
    case 'none':
      return;
    case 'block':
      await connectBlock(host, address, hotplug);
      return;
    case 'bridge':
      await getHotplug(host).joinBridge(hotplug.link, hotplug.bridge, { mtu: hotplug.mtu });
      await host.store.write(`${deviceBackendPath(address)}/hotplug-status`, 'connected');
      return;
    case 'script':
      await runHotplugScript(host, address, hotplug, { ...options, what: 'add' });
      await reportedConnected(host, address, options);
      return;
    case 'remote':
      await reportedConnected(host, address, options);
  }
}

/** The nodes of the `block` script: the disk's number in hexadecimal, and for a file the loop device that `xl` detaches by `node`. */
async function connectBlock(
  host: Host,
  address: DeviceAddress,
  { path, readOnly }: Extract<HotplugPlan, { kind: 'block' }>,
): Promise<void> {
  const services = getHotplug(host);
  const stat = await services.statDisk(path);
  if (stat.kind === 'missing' || stat.kind === 'other') {
    const why = stat.kind === 'missing' ? 'does not exist' : 'is neither a file nor a block device';
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The disk of ${deviceName(address)} cannot be used: ${path} ${why}`,
      context: { ...address, path },
    });
  }
  await using undo = new CleanupStack();
  let disk = { ...stat, devicePath: path };
  if (stat.kind === 'file') {
    const loop = await services.attachLoop(path, { readOnly });
    undo.push(`loop device ${loop.devicePath}`, () => services.detachLoop(loop.devicePath));
    await host.store.write(`${ownDeviceRecordPath(address)}/loop-device`, loop.devicePath);
    disk = { kind: 'block', ...loop };
    await services.keepLoop(loop.devicePath);
  }
  if (disk.kind !== 'block') return;
  const { major, minor, devicePath } = disk;
  const back = deviceBackendPath(address);
  await host.store.transaction(async (tree) => {
    await Promise.all([
      ...(stat.kind === 'file' ? [tree.write(`${back}/node`, devicePath)] : []),
      tree.write(`${back}/physical-device`, `${major.toString(16)}:${minor.toString(16)}`),
      tree.write(`${back}/physical-device-path`, devicePath),
      tree.write(`${back}/hotplug-status`, 'connected'),
    ]);
  });
  undo.release();
}

/** Waits for `hotplug-status` (xen/docs/misc/xenstore-paths, tools/hotplug/Linux/xen-hotplug-common.sh). */
async function reportedConnected(
  host: Host,
  address: DeviceAddress,
  { signal, timeoutMs = DEVICE_TIMEOUTS.hotplugMs }: DeviceOptions,
): Promise<void> {
  const back = deviceBackendPath(address);
  await waitFor(
    host.store,
    {
      what: `the hotplug of ${deviceName(address)}`,
      paths: [`${back}/hotplug-status`],
      look: async (tree) => {
        const [status, error] = await findMany(tree, [
          `${back}/hotplug-status`,
          `${back}/hotplug-error`,
        ]);
        if (status === 'connected') return true;
        if (status !== 'error' && status !== 'busy') return undefined;
        throw new DeviceError('HOTPLUG_FAILED', {
          message: `The hotplug of ${deviceName(address)} failed: ${guestText(error ?? status)}`,
          context: { ...address },
        });
      },
    },
    { timeoutMs, signal, clock: host.services.clock },
  );
}
