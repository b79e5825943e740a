/** Taking a device away from a domain: with the guest's consent, or without. */
import { DeviceError, TimeoutError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { disconnectHotplug } from '../hotplug/disconnect.ts';
import { guestText } from '../parse/guest-text.ts';
import { pruneEmpty } from '../domain/remove-nodes.ts';
import {
  backendPath,
  deviceBackendPath,
  deviceErrorPath,
  deviceFrontendPath,
  deviceRecordPath,
  domainPath,
  frontendErrorPath,
  ownDeviceRecordPath,
  ownRecordPath,
} from '../xenstore/path.ts';
import { applyTreeChange } from '../xenstore/nodes.ts';
import { findMany } from '../xenstore/trees.ts';
import { waitFor } from '../xenstore/wait.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import { deviceName, type DeviceAddress } from './device.ts';
import { detachChange } from './plan.ts';
import { DEVICE_TIMEOUTS, type DeviceOptions } from './timeouts.ts';
import { parseXenbusState, XENBUS } from './xenbus-state.ts';

export interface DetachOptions extends DeviceOptions {
  /** `clean` asks the guest and fails when it does not let go; `force` goes on without it. */
  readonly mode: 'clean' | 'force';
}

/**
 * Takes the device away and releases what it held on the host. A device that is not there is fine. Rejects with
 * DEVICE_REFUSED (clean: the guest keeps it; it was asked and may still let go), HOTPLUG_FAILED, ABORTED.
 */
export async function detachDevice(
  host: Host,
  address: DeviceAddress,
  options: DetachOptions,
): Promise<void> {
  const mustWait = await host.store.transaction(
    (tree) => requestClosing(tree, address, options.mode),
    { signal: options.signal },
  );
  if (mustWait) await closed(host, address, options);
  await disconnectHotplug(host, address, options);
  await host.store.transaction((tree) => removeDeviceNodes(tree, address));
}

/** Removes every node of the device, and folders that are empty then. */
export async function removeDeviceNodes(tree: XenStoreTree, address: DeviceAddress): Promise<void> {
  const { frontend, backend, backendKind } = address;
  await applyTreeChange(tree, detachChange(address));
  await Promise.all([
    tree.rm(folderOf(frontendErrorPath(address))),
    tree.rm(folderOf(deviceErrorPath(address))),
  ]);
  await pruneEmpty(tree, [
    backendPath({ backend, kind: backendKind, frontend }),
    domainPath(backend, 'backend', backendKind),
    domainPath(backend, 'backend'),
  ]);
  const records = folderOf(deviceRecordPath(address));
  await pruneEmpty(tree, [records, folderOf(records)]);
  await pruneEmpty(tree, [
    folderOf(ownDeviceRecordPath(address)),
    folderOf(folderOf(ownDeviceRecordPath(address))),
  ]);
  await pruneEmpty(tree, [folderOf(deviceFrontendPath(address))]);
}

/** Asks both ends to close; whether there is somebody to wait for. */
async function requestClosing(
  tree: XenStoreTree,
  address: DeviceAddress,
  mode: DetachOptions['mode'],
): Promise<boolean> {
  const back = deviceBackendPath(address);
  const state = parseXenbusState(await tree.find(`${back}/state`));
  if (mode === 'force') await tree.rm(deviceFrontendPath(address));
  if (state === undefined) return false;
  await tree.write(`${back}/online`, '0');
  if (state === XENBUS.closed) return false;
  await tree.write(`${back}/state`, String(XENBUS.closing));
  const [served, model] = await findMany(tree, [
    `${ownDeviceRecordPath(address)}/backend-type`,
    ownRecordPath(address.frontend, 'device-model'),
  ]);
  // A device model that has been stopped lets go of nothing any more.
  return served !== 'none' && (served !== 'device-model' || model !== undefined);
}

async function closed(host: Host, address: DeviceAddress, options: DetachOptions): Promise<void> {
  const back = deviceBackendPath(address);
  const isForced = options.mode === 'force';
  const error = frontendErrorPath(address);
  try {
    await waitFor(
      host.store,
      {
        what: `${deviceName(address)} to close`,
        paths: isForced ? [`${back}/state`] : [`${back}/state`, error],
        look: async (tree) => {
          const state = parseXenbusState(await tree.find(`${back}/state`));
          if (state === undefined || state === XENBUS.closed) return true;
          const said = isForced ? undefined : await tree.find(error);
          if (said !== undefined)
            throw refused(address, `it says ${JSON.stringify(guestText(said))}`);
          return undefined;
        },
      },
      {
        timeoutMs: options.timeoutMs ?? (await graceMs(host, address, options.mode)),
        signal: options.signal,
        clock: host.services.clock,
      },
    );
  } catch (cause) {
    if (!(cause instanceof TimeoutError)) throw cause;
    if (!isForced) throw refused(address, 'it does not answer', cause);
  }
}

/** A forced removal gives a device model less time: that of a paused or dying guest never answers. */
async function graceMs(
  host: Host,
  address: DeviceAddress,
  mode: DetachOptions['mode'],
): Promise<number> {
  if (mode === 'clean') return DEVICE_TIMEOUTS.backendMs;
  const served = await host.store.find(`${ownDeviceRecordPath(address)}/backend-type`);
  return served === 'kernel' ? DEVICE_TIMEOUTS.backendMs : DEVICE_TIMEOUTS.deviceModelGraceMs;
}

function refused(address: DeviceAddress, why: string, cause?: Error): DeviceError {
  return new DeviceError('DEVICE_REFUSED', {
    message: `The guest does not let go of ${deviceName(address)}: ${why}; it can be taken away by force`,
    context: { ...address },
    ...(cause === undefined ? {} : { cause }),
  });
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
