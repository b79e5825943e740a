/** Disks on the bus. */
import {
  ComCitrixXenclientVmdiskDescription,
  type ComCitrixXenclientVmdiskHandlers,
} from '../generated/vm_disk.ts';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Served } from '../objects/object-set.ts';
import { deviceAt, type DeviceId } from '../objects/paths.ts';
import { settingsGate } from '../objects/policy-gate.ts';
import { propertyHandlers, type ComputedSource } from '../objects/property-handlers.ts';
import { DISK_PROPERTIES } from '../properties/properties.ts';
import { assertKeyFolder, hasKey, makeKey, newKeyFolder } from './disk-keys.ts';
import { diskNode, diskOf, pointDisk, removeDisk } from './disks.ts';
import { allocatedBytes, vhdVirtualMib } from './image-facts.ts';
import { mountDisk, unmountDisk } from './mount-disk.ts';

/** The interface of all disks. */
export function diskInterface(manager: Manager): Served {
  const { database } = manager;
  const methods: ComCitrixXenclientVmdiskHandlers['methods'] = {
    attach_phy: (path, call) => pointDisk(manager, deviceAt(call.path), { type: 'phy', path }),
    attach_vhd: (path, call) => pointDisk(manager, deviceAt(call.path), { type: 'vhd', path }),
    delete: (call) => removeDisk(manager, deviceAt(call.path)),
    generate_crypto_key: (bits, call) =>
      newKey(manager, deviceAt(call.path), { bits, folder: newKeyFolder(database.view()) }),
    generate_crypto_key_in: async (bits, folder, call) => {
      const disk = deviceAt(call.path);
      settingsGate(database.view(), disk.uuid);
      await assertKeyFolder(manager, database.view(), disk.uuid, folder);
      await newKey(manager, disk, { bits, folder });
    },
    mount: async (folder, isReadOnly, call) => {
      const disk = deviceAt(call.path);
      refuseRunning(manager, disk.uuid);
      await mountDisk(manager, disk, { folder, isReadOnly });
    },
    umount: (call) => unmountDisk(manager, deviceAt(call.path)),
  };
  const properties = propertyHandlers<DeviceId>({
    database,
    rows: DISK_PROPERTIES,
    targetOf: deviceAt,
    nodeOf: ({ uuid, id }) => diskNode(uuid, id),
    gate: (view, { uuid }) => settingsGate(view, uuid),
    computed: computedSources(manager),
  });
  return {
    description: ComCitrixXenclientVmdiskDescription,
    implementation: { methods, properties },
  };
}

async function newKey(
  manager: Manager,
  { uuid, id }: DeviceId,
  key: { readonly bits: number; readonly folder: string },
): Promise<void> {
  const view = manager.database.view();
  settingsGate(view, uuid);
  const disk = diskOf(view, uuid, id);
  if (disk.text('phys-type') !== 'vhd') {
    throw new ManagerError('WRONG_DISK_TYPE', { message: `Disk ${id} is no VHD` });
  }
  await makeKey(manager, disk.text('phys-path'), key);
}

/** Two writers of one file system destroy it. */
function refuseRunning({ life }: Manager, uuid: string): void {
  if (!life.isRunning(uuid)) return;
  throw new ManagerError('VM_WRONG_STATE', {
    message: 'The disk of a VM that runs cannot be mounted; stop it first',
    context: { uuid },
  });
}

const NO_BACKEND: ComputedSource<DeviceId> = {
  get: () => '',
  set: (_disk, text: string) => {
    if (text === '') return;
    throw new ManagerError('BAD_VALUE', { message: 'Dom0 serves all disks' });
  },
};

function computedSources({
  database,
  run,
}: Manager): Readonly<Record<string, ComputedSource<DeviceId>>> {
  const image = ({ uuid, id }: DeviceId): string =>
    diskOf(database.view(), uuid, id).text('phys-path');
  const isVhd = ({ uuid, id }: DeviceId): boolean =>
    diskOf(database.view(), uuid, id).text('phys-type') === 'vhd';
  return {
    'backend-name': NO_BACKEND,
    'backend-uuid': NO_BACKEND,
    'encryption-key-set': { get: async (disk) => isVhd(disk) && (await hasKey(run, image(disk))) },
    'utilization-bytes': { get: (disk) => allocatedBytes(image(disk)) },
    'virtual-size-mb': { get: async (disk) => (isVhd(disk) ? vhdVirtualMib(image(disk)) : 0) },
  };
}
