/** What an attachment writes and a removal takes away, as data. Owners and readers are libxl's (libxl__device_generic_add). */
import { DOM0 } from '../ids.ts';
import { ownedBy, type Permissions } from '../xenstore/permissions.ts';
import type { NodeWrite, TreeChange } from '../xenstore/nodes.ts';
import {
  backendPath,
  deviceBackendPath,
  deviceFrontendPath,
  deviceRecordPath,
  ownDeviceRecordPath,
} from '../xenstore/path.ts';
import type { DeviceAddress, DeviceDescription } from './device.ts';
import { XENBUS } from './xenbus-state.ts';

/** The nodes of a new device: Dom0's trusted record, then both ends. */
export function attachChange(description: DeviceDescription): TreeChange {
  const { address } = description;
  const { frontend, backend, backendKind } = address;
  const record = deviceRecordPath(address);
  const front = deviceFrontendPath(address);
  const back = deviceBackendPath(address);
  const backendKeys = {
    frontend: front,
    'frontend-id': String(frontend),
    online: '1',
    state: String(XENBUS.initialising),
    ...description.backendKeys,
  };
  const frontendKeys = {
    backend: back,
    'backend-id': String(backend),
    state: String(XENBUS.initialising),
    ...description.frontendKeys,
  };
  return {
    rm: [record, ownDeviceRecordPath(address), front, back],
    write: [
      { path: record, permissions: ownedBy(DOM0) },
      ...nodes(record, { ...backendKeys, backend: back }),
      ...nodes(ownDeviceRecordPath(address), ownRecord(description)),
      { path: front, permissions: ownedBy(frontend, backend) },
      ...nodes(front, frontendKeys),
      ...nodes(front, description.frontendReadOnlyKeys ?? {}, ownedBy(backend, frontend)),
      { path: backendPath({ backend, kind: backendKind, frontend }), permissions: ownedBy(DOM0) },
      { path: back, permissions: ownedBy(backend, frontend) },
      ...nodes(back, backendKeys),
    ],
  };
}

/** What changes when a device that is there is connected to something else: where the back-end looks, and what undoing that will need. */
export function rewireChange(description: DeviceDescription, keys: readonly string[]): TreeChange {
  const { address, backendKeys } = description;
  const own = ownDeviceRecordPath(address);
  const changed = Object.fromEntries(
    keys.flatMap((key) => (backendKeys[key] === undefined ? [] : [[key, backendKeys[key]]])),
  );
  return {
    rm: [own],
    write: [
      ...nodes(own, ownRecord(description)),
      ...nodes(deviceRecordPath(address), changed),
      ...nodes(deviceBackendPath(address), changed),
    ],
  };
}

/** The nodes of a device that goes away. */
export function detachChange(address: DeviceAddress): TreeChange {
  return {
    rm: [
      deviceFrontendPath(address),
      deviceBackendPath(address),
      deviceRecordPath(address),
      ownDeviceRecordPath(address),
    ],
    write: [],
  };
}

/** What undoing the hotplug will need, in our own record: nothing that a guest or a back-end writes is asked then. */
function ownRecord({
  hotplug,
  backend,
  config,
}: DeviceDescription): Readonly<Record<string, string>> {
  const base = {
    'backend-type': backend,
    hotplug: hotplug.kind,
    ...(config === undefined ? {} : { config: JSON.stringify(config) }),
  };
  switch (hotplug.kind) {
    case 'script':
      return {
        ...base,
        script: hotplug.script,
        type: hotplug.type,
        env: JSON.stringify(hotplug.env ?? {}),
      };
    case 'bridge':
      return { ...base, link: hotplug.link, bridge: hotplug.bridge };
    case 'block':
    case 'none':
    case 'remote':
      return base;
  }
}

function nodes(
  root: string,
  values: Readonly<Record<string, string>>,
  permissions?: Permissions,
): NodeWrite[] {
  return Object.entries(values).map(([key, value]) => ({
    path: `${root}/${key}`,
    value,
    ...(permissions === undefined ? {} : { permissions }),
  }));
}
