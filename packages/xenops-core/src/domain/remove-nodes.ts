import { hasCode } from '../errors.ts';
import type { Domid, VmUuid } from '../ids.ts';
import { listChildren } from '../xenstore/list-children.ts';
import {
  backendPath,
  buildMarkPath,
  deviceModelPath,
  deviceModelsPath,
  domainPath,
  RECORD_ROOT,
  recordPath,
  VM_ROOT,
  vmPath,
} from '../xenstore/path.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import { parseBackendPath } from './list-devices.ts';

/** Removes every node of the domain, with its devices in back-end domains, and the folders above that have become empty, as libxl does. */
export async function removeDomainNodes(
  tree: XenStoreTree,
  domid: Domid,
  uuid: VmUuid,
): Promise<void> {
  await removeBackendNodes(tree, domid);
  // All leave together, in order: the folders are looked at when the nodes are gone.
  await Promise.all([
    ...[
      domainPath(domid),
      vmPath(uuid),
      recordPath(domid),
      deviceModelPath(domid),
      buildMarkPath(domid),
    ].map((path) => tree.rm(path)),
    ...[VM_ROOT, RECORD_ROOT, deviceModelsPath()].map((folder) => pruneEmpty(tree, [folder])),
  ]);
}

/** Removes what of the domain's devices lies in back-end domains, by the trusted record, and the folders that are empty then. */
export async function removeBackendNodes(tree: XenStoreTree, domid: Domid): Promise<void> {
  const backends = await recordedBackends(tree, domid);
  await Promise.all(backends.map(({ path }) => tree.rm(path)));
  for (const { parents } of backends) await pruneEmpty(tree, parents);
}

interface RecordedBackend {
  readonly path: string;
  /** The folders above that the device may have been the last in, innermost first. */
  readonly parents: readonly string[];
}

/** The back-ends of the domain's devices. The record is Dom0's own; still only a path of the right form is believed. */
async function recordedBackends(
  tree: XenStoreTree,
  domid: Domid,
): Promise<readonly RecordedBackend[]> {
  const root = recordPath(domid, 'device');
  const kinds = await listChildren(tree, root);
  const nested = await Promise.all(
    kinds.map(async (kind) => {
      const devids = await listChildren(tree, `${root}/${kind}`);
      return Promise.all(
        devids.map((devid) => tree.find(recordPath(domid, 'device', kind, devid, 'backend'))),
      );
    }),
  );
  return nested.flat().flatMap((path) => locate(path, domid) ?? []);
}

function locate(text: string | undefined, domid: Domid): RecordedBackend | undefined {
  const backend = parseBackendPath(text, domid);
  if (backend === undefined) return undefined;
  const { domid: backendDomid, kind, devid } = backend;
  const device = { backend: backendDomid, kind, frontend: domid };
  return {
    path: backendPath(device, devid),
    parents: [
      backendPath(device),
      domainPath(backendDomid, 'backend', kind),
      domainPath(backendDomid, 'backend'),
    ],
  };
}

/** Removes the folders that have become empty, from the innermost up to the first that has not, or is not there. */
export async function pruneEmpty(tree: XenStoreTree, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    if (!(await isEmptyFolder(tree, folder))) return;
    await tree.rm(folder);
  }
}

async function isEmptyFolder(tree: XenStoreTree, folder: string): Promise<boolean> {
  try {
    return (await tree.directory(folder)).length === 0;
  } catch (error) {
    if (hasCode(error, 'XENSTORE_NO_ENTRY')) return false;
    throw error;
  }
}
