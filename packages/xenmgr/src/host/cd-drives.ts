/**
 * CD drives of the host and who has them. The device model of a VM says in xenstore which drives it has locked; a drive
 * that stays with a VM is noted in the database.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { domid as checkedDomid } from '@xenops/core/ids';
import { nodeDisappears, waitFor, type XenStore } from '@xenops/core/xenstore';
import { domainPath } from '@xenops/core/xenstore/path';
import type { Manager, Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Places } from '../manager/places.ts';
import { vmUuids } from '../vms/slots.ts';
import { listNames } from './files.ts';

/** A drive of the host. */
export interface CdDrive {
  /** Its SCSI address, `host:channel:id:lun`. */
  readonly id: string;
  /** Maker and model. */
  readonly name: string;
}

const ASSIGNMENTS = '/xenmgr/cdassign';
/** For the device model to react. */
const ASSIGN_TIMEOUT_MS = 5000;
const ENTRY =
  /^Host: scsi(\d+) Channel: (\d+) Id: (\d+) Lun: (\d+)\n\s*Vendor: (.*?)\s+Model: (.*?)\s+Rev:.*\n\s*Type:\s+CD-ROM/gm;

/** The drives, as /proc/scsi/scsi lists them. */
export async function cdDrives({ proc }: Places): Promise<readonly CdDrive[]> {
  const text = await readFile(path.join(proc, 'scsi/scsi'), 'utf8').catch(() => '');
  return [...text.matchAll(ENTRY)].map(([, host, channel, target, lun, maker, model]) => ({
    id: [host, channel, target, lun].map(Number).join(':'),
    name: `${maker ?? ''} ${model ?? ''}`.trim(),
  }));
}

/** The same drive as a name in xenstore and in the database. */
export function driveNode(id: string): string {
  return id.replaceAll(':', '_');
}

/** Throws BAD_VALUE unless the host has that drive. */
export async function checkedDrive(places: Places, id: string): Promise<string> {
  if ((await cdDrives(places)).some((drive) => drive.id === id)) return id;
  throw new ManagerError('BAD_VALUE', {
    message: `The host has no CD drive ${JSON.stringify(id.slice(0, 40))}`,
  });
}

/** Who has a drive; `uuid` is empty for nobody. */
export interface CdOwner {
  readonly isSticky: boolean;
  readonly uuid: string;
}

/** The VM that a drive stays with, else the one that has locked it. */
export async function cdOwner({ database, host, life }: Manager, id: string): Promise<CdOwner> {
  const view = database.view();
  const sticky = view.read(`${ASSIGNMENTS}/${driveNode(id)}`);
  if (sticky !== undefined && view.exists(`/vm/${sticky}`)) return { isSticky: true, uuid: sticky };
  for (const uuid of vmUuids(view)) {
    const domid = life.domid(uuid);
    if (domid >= 0 && (await hasLock(host.store, domid, id))) return { isSticky: false, uuid };
  }
  return { isSticky: false, uuid: '' };
}

async function hasLock(store: XenStore, domid: number, id: string): Promise<boolean> {
  return (
    (await store.find(domainPath(checkedDomid(domid), 'bsgdev', driveNode(id), 'lock'))) === '1'
  );
}

/**
 * Gives a drive to a VM, or to nobody for an empty uuid, after taking it from whoever has it. Rejects with ManagerError:
 * BAD_VALUE, NOT_FOUND, or TIMEOUT when a device model does not react.
 */
export async function assignCd(
  manager: Manager,
  id: string,
  { isSticky, uuid }: CdOwner,
): Promise<void> {
  const { database, life, places, announce } = manager;
  await checkedDrive(places, id);
  const present = await cdOwner(manager, id);
  const presentDomid = present.uuid === '' ? -1 : life.domid(present.uuid);
  if (present.uuid !== uuid && presentDomid >= 0) {
    await ask(manager, presentDomid, `${driveNode(id)}/req-eject`);
  }
  await database.transact((draft) => {
    const node = `${ASSIGNMENTS}/${driveNode(id)}`;
    if (isSticky && uuid !== '') draft.write(node, uuid);
    else draft.rm(node);
  });
  if (uuid !== '' && life.domid(uuid) >= 0) {
    await ask(manager, life.domid(uuid), `${driveNode(id)}/req-assign`);
  }
  announce.cdAssignmentChanged(id, uuid);
}

/** A device model has done what it was asked for when it takes the request away. */
async function ask({ host }: Surroundings, domid: number, request: string): Promise<void> {
  const node = domainPath(checkedDomid(domid), 'bsgdev-req', ...request.split('/'));
  await host.store.write(node, '1');
  await waitFor(host.store, nodeDisappears(node), { timeoutMs: ASSIGN_TIMEOUT_MS });
}

/** Opens the tray of a drive; one without a block device is left alone. */
export async function ejectCd({ places, run }: Surroundings, id: string): Promise<void> {
  const block = await listNames(path.join(places.sys, 'bus/scsi/devices', id, 'block'));
  const name = block[0];
  if (name !== undefined && /^[a-z0-9]+$/.test(name)) await run('eject', [`/dev/${name}`]);
}
