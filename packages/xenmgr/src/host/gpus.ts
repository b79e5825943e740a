/** Graphics cards of the host: where each stands on the desk, and which ones the display handler has. */
import path from 'node:path';
import type { Manager, Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { readCaps } from '../root/caps.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from '../vms/slots.ts';
import { listNames } from './files.ts';
import { hostPciDevices, isGpu, type HostPciDevice, type PciNames } from './pci-devices.ts';

type Rows = readonly ReadonlyMap<string, string>[];
type Around = Pick<Surroundings, 'database' | 'places'>;

const PLACEMENTS = '/xenmgr/gpu-placement';
const DISPLAY_HANDLER = '/xenmgr/dh/gpu';

/** The card with the firmware's texts first; the others where guests may have them. */
export async function gpus({ places }: Around): Promise<readonly HostPciDevice[]> {
  const all = (await hostPciDevices(places)).filter(isGpu);
  const boot = all.filter(({ isBootVga }) => isBootVga);
  const hasOthers = (await readCaps(places)).get('secondary-gpu-pt') === 'true';
  return hasOthers ? [...boot, ...all.filter(({ isBootVga }) => !isBootVga)] : boot;
}

/** Keys addr, name and placement. */
export async function listGpus(around: Around, names: PciNames): Promise<Rows> {
  const found = await gpus(around);
  return Promise.all(
    found.map(async (gpu) => {
      const placement = await placementOf(around, gpu.address);
      return new Map(
        Object.entries({
          addr: gpu.address,
          name: await names.nameOf(gpu),
          placement: String(placement),
        }),
      );
    }),
  );
}

/** Where a card stands; its place in the list unless said. Rejects with NO_SUCH_GPU. */
export async function placementOf(around: Around, id: string): Promise<number> {
  const at = await indexOf(around, id);
  const stored = around.database.view().read(`${PLACEMENTS}/${id}`);
  return stored !== undefined && /^-?[0-9]{1,9}$/.test(stored) ? Number(stored) : at;
}

/** Says where a card stands, and tells the daemon of the mouse for each VM. Rejects with NO_SUCH_GPU. */
export async function placeGpu(manager: Manager, id: string, slot: number): Promise<void> {
  const { database, peers, log } = manager;
  await indexOf(manager, id);
  await database.transact((draft) => draft.write(`${PLACEMENTS}/${id}`, String(slot)));
  for (const uuid of vmUuids(database.view())) {
    try {
      await peers.input.updateSeamlessMouseSettings(uuid);
    } catch (error) {
      log.log('info', 'The input daemon does not know of the new place', error);
      return;
    }
  }
}

async function indexOf(around: Around, id: string): Promise<number> {
  const at = (await gpus(around)).findIndex(({ address }) => address === id);
  if (at !== -1) return at;
  throw new ManagerError('NO_SUCH_GPU', {
    message: `There is no GPU ${JSON.stringify(id.slice(0, 40))}`,
  });
}

/** Numbers of the cards of the display handler, as the kernel has them (`card0` is 0), with commas between. */
export async function displayHandlerCards(around: Around): Promise<string> {
  const chosen = around.database.view().read(DISPLAY_HANDLER) ?? '';
  const found = await gpus(around);
  const addresses =
    chosen === '' ? found.slice(0, 1).map(({ address }) => address) : chosen.split(',');
  const cards = await Promise.all(addresses.map((address) => cardOf(around, address)));
  return cards.filter((card) => card !== '').join(',');
}

/** Gives cards to the display handler. Rejects with BAD_VALUE, NO_SUCH_GPU, PCI_DEVICE_IN_USE. */
export async function setDisplayHandler(manager: Manager, text: string): Promise<void> {
  const { database, announce } = manager;
  const addresses = text.split(',').map((address) => address.trim());
  for (const address of addresses) {
    await indexOf(manager, address);
    if (gpuOwner(manager, address) === undefined) continue;
    throw new ManagerError('PCI_DEVICE_IN_USE', { message: `The GPU ${address} belongs to a VM` });
  }
  await database.transact((draft) => draft.write(DISPLAY_HANDLER, addresses.join(',')));
  announce.displayHandlerGpuChanged();
}

/** Cards that no VM has: keys addr, name and drmcard. */
export async function displayHandlerGpus(around: Around, names: PciNames): Promise<Rows> {
  const free = (await gpus(around)).filter(
    ({ address }) => gpuOwner(around, address) === undefined,
  );
  return Promise.all(
    free.map(async (gpu) => {
      const fields = {
        addr: gpu.address,
        name: await names.nameOf(gpu),
        drmcard: await cardOf(around, gpu.address),
      };
      return new Map(Object.entries(fields));
    }),
  );
}

function gpuOwner({ database }: Around, address: string): string | undefined {
  const view = database.view();
  return vmUuids(view).find((uuid) => vmSettings(view, uuid).text('gpu') === address);
}

async function cardOf({ places }: Around, address: string): Promise<string> {
  const names = await listNames(path.join(places.sys, 'bus/pci/devices', address, 'drm'));
  return names.find((name) => /^card[0-9]+$/.test(name))?.slice('card'.length) ?? '';
}
