/** NICs of a VM as nodes of the database. */
import { folderOf } from '../db/tree.ts';
import type { View } from '../db/view.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { DeviceId } from '../objects/paths.ts';
import { settingsGate } from '../objects/policy-gate.ts';
import { generatedMac } from '../vm-config/mac.ts';
import { nicSettings, type NumberedSettings, type Settings } from '../vm-config/vm-settings.ts';

const NEW_NETWORK = '/wired/0/bridged';

export function nicNode(uuid: string, id: number): string {
  return `/vm/${uuid}/config/nic/${id}`;
}

/** The settings of a NIC. Throws NO_SUCH_NIC. */
export function nicOf(view: View, uuid: string, id: number): Settings {
  const found = nicSettings(view, uuid).find((nic) => nic.id === id);
  if (found !== undefined) return found.settings;
  throw new ManagerError('NO_SUCH_NIC', {
    message: `The VM has no network interface ${id}`,
    context: { uuid, nic: id },
  });
}

/** The address that a NIC has in the guest: the configured one, else the one that its number and the uuid give. */
export function macOf(uuid: string, { id, settings }: NumberedSettings): string {
  const configured = settings.text('mac');
  return configured === 'auto' ? generatedMac(id, uuid) : configured;
}

/** Adds a NIC on the bridged network with the next number; gives its number. */
export function addNic({ database }: Surroundings, uuid: string): Promise<number> {
  return database.transact((draft) => {
    settingsGate(draft, uuid);
    const id = Math.max(-1, ...nicSettings(draft, uuid).map((nic) => nic.id)) + 1;
    const node = { id: String(id), network: NEW_NETWORK };
    draft.replace(nicNode(uuid, id), folderOf(Object.entries(node)));
    return id;
  });
}

/** Removes a NIC; a running guest keeps it until it stops. */
export async function removeNic({ database }: Surroundings, { uuid, id }: DeviceId): Promise<void> {
  await database.transact((draft) => {
    settingsGate(draft, uuid);
    nicOf(draft, uuid, id);
    draft.rm(nicNode(uuid, id));
  });
}
