/** Disks in the life of VMs: keys and images that are there, and the CD drives of the host. */
import { DOM0, domid as checkedDomid } from '@xenops/core/ids';
import { applyTreeChange } from '@xenops/core/xenstore';
import { domainPath } from '@xenops/core/xenstore/path';
import { cdDrives, driveNode } from '../host/cd-drives.ts';
import { isThere } from '../host/files.ts';
import type { LifePart } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { hostFlag } from '../objects/host-settings.ts';
import type { BootFacts } from '../vm-config/facts.ts';
import { diskSettings, vmSettings } from '../vm-config/vm-settings.ts';
import { keyFolders } from './disk-keys.ts';

const ASSIGNMENTS = '/xenmgr/cdassign';

/** The part of the disks and drives. */
export function diskPart(around: Surroundings): LifePart {
  return {
    name: 'disks',
    facts: (uuid) => diskFacts(around, uuid),
    domainMade: (uuid, domid) => openDrives(around, uuid, domid),
    async created(uuid, domid) {
      const view = around.database.view();
      for (const { id } of await cdDrives(around.places)) {
        if (view.read(`${ASSIGNMENTS}/${driveNode(id)}`) !== uuid) continue;
        // The device model takes it when it is ready; the start does not wait for that.
        await around.host.store.write(requestNode(domid, id, 'req-assign'), '1');
      }
    },
    async gone() {
      for (const { id } of await cdDrives(around.places)) {
        const owner = around.database.view().read(`${ASSIGNMENTS}/${driveNode(id)}`) ?? '';
        around.announce.cdAssignmentChanged(id, owner);
      }
    },
  };
}

async function diskFacts(around: Surroundings, uuid: string): Promise<Partial<BootFacts>> {
  const view = around.database.view();
  const images = diskSettings(view, uuid)
    .filter(({ settings }) => settings.flag('enabled') && settings.text('phys-type') === 'vhd')
    .map(({ settings }) => settings.text('phys-path'));
  const isPresent = await Promise.all(images.map(isThere));
  return {
    keyFolders: await keyFolders(around, view, uuid),
    missingImages: new Set(images.filter((_, at) => isPresent[at] !== true)),
    cdDrives: (await cdDrives(around.places)).map(({ id }) => id),
  };
}

/** The device model says in these nodes which drives it has, and is told there which to take or give. */
async function openDrives(around: Surroundings, uuid: string, domid: number): Promise<void> {
  const { database, host, places } = around;
  const drives = await cdDrives(places);
  const view = database.view();
  if (drives.length === 0 || !vmSettings(view, uuid).flag('policy-cd-access')) return;
  const isAutomatic = hostFlag(view, 'autolock-cd-drives');
  const guest = checkedDomid(domid);
  const permissions = {
    owner: DOM0,
    others: 'none',
    listed: [{ domid: guest, access: 'both' }],
  } as const;
  const write = ['bsgdev', 'bsgdev-req'].map((name) => ({
    path: domainPath(guest, name),
    value: '',
    permissions,
  }));
  await applyTreeChange(host.store, { rm: [], write });
  for (const { id } of drives) {
    const isSticky = view.exists(`${ASSIGNMENTS}/${driveNode(id)}`);
    const text = isAutomatic && !isSticky ? '1' : '0';
    await host.store.write(requestNode(domid, id, 'autolock'), text);
  }
}

function requestNode(domid: number, drive: string, request: string): string {
  return domainPath(checkedDomid(domid), 'bsgdev-req', driveNode(drive), request);
}
