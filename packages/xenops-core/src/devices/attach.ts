/** Giving a device to a domain. */
import { DeviceError, DomainError, TimeoutError } from '../errors.ts';
import { withUndo } from '../domain/with-undo.ts';
import type { Host } from '../host/host.ts';
import { connectHotplug } from '../hotplug/connect.ts';
import { guestText } from '../parse/guest-text.ts';
import {
  deviceBackendPath,
  deviceErrorPath,
  deviceFrontendPath,
  deviceRecordPath,
  domainPath,
  frontendErrorPath,
} from '../xenstore/path.ts';
import { applyTreeChange } from '../xenstore/nodes.ts';
import { findMany } from '../xenstore/trees.ts';
import { waitFor, type Condition } from '../xenstore/wait.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import { deviceName, type DeviceAddress, type DeviceDescription } from './device.ts';
import { detachDevice } from './detach.ts';
import { attachChange } from './plan.ts';
import { DEVICE_TIMEOUTS, type DeviceOptions } from './timeouts.ts';
import { parseXenbusState, XENBUS, XENBUS_STATE_NAMES, type XenbusState } from './xenbus-state.ts';

/**
 * Makes the device: both ends in xenstore, then the back-end is connected to its disk or network. The guest connects when
 * its driver wants to (`waitConnected`). Rejects with DEVICE_EXISTS, DOMAIN_NOT_FOUND, DEVICE_FAILED (the back-end says why),
 * HOTPLUG_FAILED, TIMEOUT, ABORTED; nothing of the device is left then.
 */
export async function attachDevice(
  host: Host,
  description: DeviceDescription,
  options: DeviceOptions = {},
): Promise<void> {
  const { address } = description;
  await withUndo(`Attaching ${deviceName(address)}`, async (undo) => {
    await host.store.transaction(
      async (tree) => {
        await assertAttachable(tree, address);
        await applyTreeChange(tree, attachChange(description));
      },
      { signal: options.signal },
    );
    undo.push(deviceName(address), () => detachDevice(host, address, { mode: 'force' }));
    if (description.backend === 'kernel')
      await backendReached(host, address, XENBUS.initWait, options);
    await connectHotplug(host, description, options);
  });
}

/** Waits until both ends are connected. Rejects with DEVICE_FAILED when one of them gives up, TIMEOUT or ABORTED. */
export async function waitConnected(
  host: Host,
  address: DeviceAddress,
  options: DeviceOptions = {},
): Promise<void> {
  const front = deviceFrontendPath(address);
  await reached(host, address, options, {
    what: `${deviceName(address)} to connect`,
    timeoutMs: options.timeoutMs ?? DEVICE_TIMEOUTS.connectMs,
    paths: [`${front}/state`],
    isReached: async (tree, backend) =>
      backend === XENBUS.connected &&
      parseXenbusState(await tree.find(`${front}/state`)) === XENBUS.connected,
  });
}

async function assertAttachable(tree: XenStoreTree, address: DeviceAddress): Promise<void> {
  const [record, domain] = await findMany(tree, [
    deviceRecordPath(address),
    domainPath(address.frontend),
  ]);
  if (domain === undefined) {
    throw new DomainError('DOMAIN_NOT_FOUND', {
      message: `No domain has the domid ${address.frontend}`,
      context: { domid: address.frontend },
    });
  }
  if (record === undefined) return;
  throw new DeviceError('DEVICE_EXISTS', {
    message: `Domain ${address.frontend} has a ${address.kind} ${address.devid} already; detach it first`,
    context: { ...address },
  });
}

/** Waits until the back-end's driver has come to this state. */
export async function backendReached(
  host: Host,
  address: DeviceAddress,
  wanted: XenbusState,
  options: DeviceOptions,
): Promise<void> {
  await reached(host, address, options, {
    what: `the back-end of ${deviceName(address)} to be ${XENBUS_STATE_NAMES[wanted]}`,
    timeoutMs: DEVICE_TIMEOUTS.backendMs,
    paths: [],
    // A driver that goes on quickly may never be seen in this state.
    isReached: (_tree, state) => Promise.resolve(state >= wanted && state <= XENBUS.connected),
  });
}

interface AwaitedState {
  readonly what: string;
  readonly timeoutMs: number;
  readonly paths: readonly string[];
  readonly isReached: (tree: XenStoreTree, backend: XenbusState) => Promise<boolean>;
}

/** Waits for a state of the back-end; a back-end that vanishes, closes, or reports an error ends the wait. */
async function reached(
  host: Host,
  address: DeviceAddress,
  { signal }: DeviceOptions,
  { what, timeoutMs, paths, isReached }: AwaitedState,
): Promise<void> {
  const back = deviceBackendPath(address);
  let seen: XenbusState | undefined;
  const condition: Condition<true> = {
    what,
    lastState: () => `back-end ${seen === undefined ? 'gone' : XENBUS_STATE_NAMES[seen]}`,
    paths: [`${back}/state`, deviceErrorPath(address), ...paths],
    look: async (tree) => {
      const [error, state] = await findMany(tree, [deviceErrorPath(address), `${back}/state`]);
      seen = parseXenbusState(state);
      if (error !== undefined) throw failed(address, guestText(error));
      if (seen === undefined) throw failed(address, 'its back-end has vanished');
      if (seen === XENBUS.closing || seen === XENBUS.closed)
        throw failed(address, 'its back-end closes');
      return (await isReached(tree, seen)) ? true : undefined;
    },
  };
  try {
    await waitFor(host.store, condition, { timeoutMs, signal, clock: host.services.clock });
  } catch (error) {
    if (error instanceof TimeoutError) throw await withFrontendError(host, address, error);
    throw error;
  }
}

/** A guest that says why it does not connect is quoted. */
async function withFrontendError(
  host: Host,
  address: DeviceAddress,
  timeout: TimeoutError,
): Promise<Error> {
  const said = await host.store.find(frontendErrorPath(address));
  return said === undefined
    ? timeout
    : failed(address, `the guest says ${JSON.stringify(guestText(said))}`);
}

function failed(address: DeviceAddress, why: string): DeviceError {
  return new DeviceError('DEVICE_FAILED', {
    message: `The ${deviceName(address)} cannot be used: ${why}`,
    context: { ...address },
  });
}
