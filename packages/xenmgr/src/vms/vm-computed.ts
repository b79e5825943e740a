/** Where the computed properties of a VM come from. */
import path from 'node:path';
import { domid as checkedDomid } from '@xenops/core/ids';
import { domainPath } from '@xenops/core/xenstore/path';
import { CD_DEVICE, diskNode } from '../disks/disks.ts';
import { allocatedBytes } from '../disks/image-facts.ts';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { moveLiveNic } from '../nics/move-nic.ts';
import { macOf, nicNode } from '../nics/nics.ts';
import { hostText } from '../objects/host-settings.ts';
import { vmPath } from '../objects/paths.ts';
import { settingsGate } from '../objects/policy-gate.ts';
import type { ComputedSource } from '../objects/property-handlers.ts';
import { networkPath } from '../vm-config/device-lines.ts';
import { diskSettings, nicSettings, vmSettings } from '../vm-config/vm-settings.ts';
import { neighbourSlot } from './gpu-neighbours.ts';
import { isUserVm } from './slots.ts';

type Source = ComputedSource<string>;

/** An image without content, for an empty drive. */
const EMPTY_CD = 'null.iso';
const KIB_PER_MIB = 1024;
const BYTES_PER_MIB = 1024n * 1024n;
const PORTICA = { absent: 0, enabled: 1, disabled: 2 } as const;

/** The sources, by the names of the properties; the target is the uuid of a VM. */
export function vmComputedSources(manager: Manager): Readonly<Record<string, Source>> {
  const { life } = manager;
  return {
    'acpi-state': { get: (uuid) => life.acpiState(uuid) },
    'autostart-pending': { get: (uuid) => life.isAutostartPending(uuid) },
    dependencies: { get: async (uuid) => (await life.dependencies(uuid)).map(vmPath) },
    domid: { get: (uuid) => life.domid(uuid) },
    state: { get: (uuid) => life.publicState(uuid) },
    stub_domid: { get: (uuid) => stubDomid(manager, uuid) },
    uuid: { get: (uuid) => uuid },
    cd: cdSource(manager),
    mac: { get: (uuid) => firstMac(manager, uuid) },
    'memory-target': { get: (uuid) => memoryTargetMib(manager, uuid) },
    'portica-enabled': { get: (uuid) => porticaState(manager, uuid) },
    'private-space': { get: (uuid) => privateMib(manager, uuid) },
    'seamless-mouse-left': { get: (uuid) => neighbourSlot(manager, uuid, 'left') },
    'seamless-mouse-right': { get: (uuid) => neighbourSlot(manager, uuid, 'right') },
    'wired-network': networkSource(manager, false),
    'wireless-network': networkSource(manager, true),
  };
}

/** The image in the drive is changed there and nowhere else, so that numbers of disks stay as they are. */
function cdSource(manager: Manager): Source {
  const { database, life, monitors } = manager;
  return {
    get: (uuid) => {
      const drive = cdDrives(manager, uuid)[0];
      const name = path.basename(drive?.settings.text('phys-path') ?? '');
      return name === EMPTY_CD ? '' : name;
    },
    async set(uuid, name: string) {
      const file = path.join(hostText(database.view(), 'iso-path'), name === '' ? EMPTY_CD : name);
      await database.transact((draft) => {
        const drives = cdDrives(manager, uuid);
        if (drives.length === 0) {
          throw new ManagerError('NO_SUCH_DISK', {
            message: `The VM has no CD drive: a disk with the device ${CD_DEVICE}`,
          });
        }
        for (const { id } of drives) draft.write(`${diskNode(uuid, id)}/path`, file);
      });
      if (life.domid(uuid) < 0) return;
      const drive = { virtpath: CD_DEVICE };
      if (name === '') await monitors.call(uuid, 'cd-eject', drive);
      else await monitors.call(uuid, 'cd-insert-file', { ...drive, physpath: file });
    },
  };
}

function cdDrives({ database }: Manager, uuid: string): ReturnType<typeof diskSettings> {
  return diskSettings(database.view(), uuid).filter(
    ({ settings }) => settings.text('virt-path') === CD_DEVICE,
  );
}

function firstMac({ database }: Manager, uuid: string): string {
  const first = nicSettings(database.view(), uuid)[0];
  return first === undefined ? '' : macOf(uuid, first);
}

async function memoryTargetMib({ life, host }: Manager, uuid: string): Promise<number> {
  const domid = life.domid(uuid);
  if (domid < 0) return 0;
  const text = await host.store.find(domainPath(checkedDomid(domid), 'memory', 'target'));
  return /^[0-9]{1,12}$/.test(text ?? '') ? Math.floor(Number(text) / KIB_PER_MIB) : 0;
}

async function stubDomid({ host }: Manager, uuid: string): Promise<number> {
  const text = await host.store.find(`/xenmgr/vms/${uuid}/stubdomid`);
  return /^[0-9]{1,5}$/.test(text ?? '') ? Number(text) : -1;
}

function porticaState({ database }: Manager, uuid: string): number {
  const view = database.view();
  const isOn = (key: string): boolean => view.read(`/vm/${uuid}/${key}`) === 'true';
  if (!isOn('portica-installed')) return PORTICA.absent;
  const isUsed = isOn('portica-enabled') && vmSettings(view, uuid).flag('seamless-traffic');
  return isUsed && isUserVm(view, uuid) ? PORTICA.enabled : PORTICA.disabled;
}

async function privateMib({ database }: Manager, uuid: string): Promise<number> {
  const files = diskSettings(database.view(), uuid)
    .filter(({ settings }) => settings.text('phys-type') !== 'phy')
    .map(({ settings }) => settings.text('phys-path'));
  const sizes = await Promise.all(files.map(allocatedBytes));
  return Number(sizes.reduce((sum, bytes) => sum + bytes, 0n) / BYTES_PER_MIB);
}

/** The network of the first interface that is, or is not, shown as a wireless one. */
function networkSource(manager: Manager, isWireless: boolean): Source {
  const { database } = manager;
  const firstOf = (uuid: string): ReturnType<typeof nicSettings>[number] | undefined =>
    nicSettings(database.view(), uuid).find(
      ({ settings }) => settings.flag('wireless-driver') === isWireless,
    );
  return {
    get: (uuid) => networkPath(firstOf(uuid)?.settings.text('network') ?? ''),
    async set(uuid, network: string) {
      const nic = firstOf(uuid);
      if (nic === undefined) {
        const kind = isWireless ? 'wireless' : 'wired';
        throw new ManagerError('NO_SUCH_NIC', { message: `The VM has no ${kind} interface` });
      }
      await database.transact((draft) => {
        settingsGate(draft, uuid);
        draft.write(`${nicNode(uuid, nic.id)}/network`, network);
      });
      await moveLiveNic(manager, { uuid, id: nic.id }, network);
    },
  };
}
