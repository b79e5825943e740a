/** What Dom0 keeps about devices it has given away, where no guest reads: in libxl's place and shape, and our own ledger of what was granted. */
import { findDomid, type Domid } from '../ids.ts';
import { findPciAddress, formatPciAddress, type PciAddress } from '../hypervisor/pci-address.ts';
import { pruneEmpty } from '../domain/remove-nodes.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { ownRecordPath, PCI_RECORD_ROOT, pciRecordPath, RECORD_ROOT } from '../xenstore/path.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import type { PciGrants } from './grants.ts';

/** `DDDD-BB-SS-F`, as libxl names the folder of a device (libxl_pci.c, `PCI_BDF_XSPATH`). */
function folderName(address: PciAddress): string {
  return formatPciAddress(address).replaceAll(/[:.]/g, '-');
}

/** `/libxl/pci/DDDD-BB-SS-F/KEY`. */
export function pciRecord(address: PciAddress, key?: 'domid' | 'driver_path'): string {
  return pciRecordPath(folderName(address), ...(key === undefined ? [] : [key]));
}

/** Our ledger of what a domain was granted for a device. */
export function grantsRecord(domid: Domid, address: PciAddress): string {
  return ownRecordPath(domid, 'pci', folderName(address));
}

/** Who has which device, by the records; domids may be those of dead domains. */
export async function listPciOwners(
  tree: XenStoreTree,
): Promise<readonly { readonly address: PciAddress; readonly domid: Domid }[]> {
  const names = await listChildren(tree, PCI_RECORD_ROOT);
  const owners = await Promise.all(
    names.map(async (name) => {
      const address = findPciAddress(name.replace(/^(.{4})-(..)-(..)-(.)$/, '$1:$2:$3.$4'));
      const domid = findDomid((await tree.find(pciRecordPath(name, 'domid'))) ?? '');
      return address === undefined || domid === undefined ? undefined : { address, domid };
    }),
  );
  return owners.flatMap((owner) => owner ?? []);
}

/** The driver that a device is to be given back to; undefined when it had none, or nobody wrote it down. */
export async function findFormerDriver(
  tree: XenStoreTree,
  address: PciAddress,
): Promise<string | undefined> {
  const path = await tree.find(pciRecord(address, 'driver_path'));
  return /^\/sys\/bus\/pci\/drivers\/([\w.-]+)$/.exec(path ?? '')?.[1];
}

/** Forgets a key, and the folders that are empty then. */
export async function removePciRecord(
  tree: XenStoreTree,
  address: PciAddress,
  key: 'domid' | 'driver_path',
): Promise<void> {
  await tree.rm(pciRecord(address, key));
  await pruneEmpty(tree, [pciRecord(address), PCI_RECORD_ROOT, RECORD_ROOT]);
}

/** What was granted, exactly; undefined without a ledger. */
export async function readGrants(
  tree: XenStoreTree,
  domid: Domid,
  address: PciAddress,
): Promise<PciGrants | undefined> {
  const text = await tree.find(grantsRecord(domid, address));
  // Written by renderGrants, where only Dom0 writes.
  return text === undefined
    ? undefined
    : (JSON.parse(text, (key, value: unknown) =>
        key === 'firstFrame' && typeof value === 'string' ? BigInt(value) : value,
      ) as PciGrants);
}

/** The text of a ledger. */
export function renderGrants(grants: PciGrants): string {
  return JSON.stringify(grants, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}
