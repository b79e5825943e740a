/** Looking at everything that the doctor judges. Reads only. */
import { listDeviceAddresses } from '../domain/list-devices.ts';
import { isLeftMark, listBuildMarks } from '../domain/build-mark.ts';
import type { DeviceAddress } from '../devices/device.ts';
import type { Host } from '../host/host.ts';
import { DOM0, findDomid, type Domid, type VmUuid } from '../ids.ts';
import { listPciOwners } from '../pci/pci-records.ts';
import { listChildren } from '../xenstore/list-children.ts';
import {
  deviceModelsPath,
  domainPath,
  DOMAINS_PATH,
  ownDeviceRecordPath,
  RECORD_ROOT,
  VM_ROOT,
} from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import type { Inspection, RecordedLoop, SeenBackend, SeenDomain } from './inspection.ts';
import { listDomainFiles, listDrafts } from './inspect-files.ts';
import { listDeviceModels } from './inspect-processes.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LOOP_DEVICE = /^\/dev\/loop\d{1,7}$/;
/** Kinds and front-ends that one back-end domain may list; a driver domain writes its own folder. */
const BACKENDS_MAX = 65_536;

export interface InspectOptions {
  /** Folders in which images were saved, besides Xen's own. */
  readonly imageFolders?: readonly string[] | undefined;
}

/** Looks at the whole host. */
export async function inspectHost(
  host: Host,
  { imageFolders = [] }: InspectOptions = {},
): Promise<Inspection> {
  const { store } = host;
  const before = await seenDomains(host);
  const [domainNodes, records, deviceModelNodes, builds, vmNames] = await Promise.all([
    listDomids(store, DOMAINS_PATH),
    listDomids(store, RECORD_ROOT),
    listDomids(store, deviceModelsPath()),
    listBuildMarks(store),
    listChildren(store, VM_ROOT),
  ]);
  const devices = (
    await Promise.all(records.map((domid) => listDeviceAddresses(store, domid)))
  ).flat();
  const backends = (
    await Promise.all(domainNodes.map((domid) => listBackends(store, domid)))
  ).flat();
  const seen = {
    domainNodes,
    records,
    devices: devices.filter(({ kind, devid }) => kind !== 'console' || devid !== 0),
    backends,
    deviceModelNodes,
    vmNodes: vmNames.filter((name): name is VmUuid => UUID.test(name)),
    deviceModels: await listDeviceModels(host, records),
    loops: (await host.hotplug?.listLoops()) ?? [],
    recordedLoops: [
      ...(await loopsOfRecords(store, devices)),
      ...(await loopsOfBackends(store, backends)),
    ],
    pciOwners: await listPciOwners(store),
    deadBuilds: await deadBuilds(host, builds),
    domainFiles: await listDomainFiles(host),
    drafts: await listDrafts(host, imageFolders),
  };
  const after = await seenDomains(host);
  // A domain that is not there the second time is being destroyed, and is as little a leftover as a new one.
  const earlier = before.filter(({ domid }) => after.every((entry) => entry.domid !== domid));
  return { domains: [...after, ...earlier.map(asGone)], ...seen };
}

const asGone = (domain: SeenDomain): SeenDomain => ({ ...domain, dying: false });

async function seenDomains({ hypervisor }: Host): Promise<readonly SeenDomain[]> {
  const domains = await hypervisor.listDomains();
  return domains.map(({ domid, uuid, dying }) => ({ domid, uuid, dying }));
}

async function listDomids(tree: XenStoreTree, path: string): Promise<readonly Domid[]> {
  return (await listChildren(tree, path)).flatMap((name) => findDomid(name) ?? []);
}

async function listBackends(tree: XenStoreTree, backend: Domid): Promise<readonly SeenBackend[]> {
  const root = domainPath(backend, 'backend');
  const kinds = (await listChildren(tree, root)).filter((kind) => /^[\w-]{1,32}$/.test(kind));
  const found = await Promise.all(
    kinds.slice(0, BACKENDS_MAX).map(async (backendKind) => {
      const frontends = await listDomids(tree, `${root}/${backendKind}`);
      return frontends
        .slice(0, BACKENDS_MAX)
        .map((frontend) => ({ backend, backendKind, frontend }));
    }),
  );
  return found.flat();
}

/** What we wrote down ourselves when a disk was connected. */
async function loopsOfRecords(
  tree: XenStoreTree,
  devices: readonly DeviceAddress[],
): Promise<readonly RecordedLoop[]> {
  const disks = devices.filter(({ kind }) => kind === 'vbd');
  const found = await Promise.all(
    disks.map(async (address) => {
      const own = ownDeviceRecordPath(address);
      const [loop, config] = await findMany(tree, [`${own}/loop-device`, `${own}/config`]);
      return recordedLoop(address.frontend, loop, targetOf(config));
    }),
  );
  return found.flatMap((loop) => loop ?? []);
}

/** What the `block` script wrote into Dom0's own back-ends, which no guest can. */
async function loopsOfBackends(
  tree: XenStoreTree,
  backends: readonly SeenBackend[],
): Promise<readonly RecordedLoop[]> {
  const disks = backends.filter(
    ({ backend, backendKind }) => backend === DOM0 && backendKind === 'vbd',
  );
  const found = await Promise.all(
    disks.map(async ({ frontend }) => {
      const root = domainPath(DOM0, 'backend', 'vbd', frontend);
      const devids = await listChildren(tree, root);
      return Promise.all(
        devids.map(async (devid) => {
          const paths = [`${root}/${devid}/node`, `${root}/${devid}/params`];
          const [node, params] = await findMany(tree, paths);
          return recordedLoop(frontend, node, params);
        }),
      );
    }),
  );
  return found.flat().flatMap((loop) => loop ?? []);
}

function recordedLoop(
  domid: Domid,
  devicePath: string | undefined,
  filePath: string | undefined,
): RecordedLoop | undefined {
  if (devicePath === undefined || !LOOP_DEVICE.test(devicePath)) return undefined;
  return { domid, devicePath, filePath };
}

/** The file of a disk's configuration. */
function targetOf(config: string | undefined): string | undefined {
  if (config === undefined) return undefined;
  // Written by attachChange, where only Dom0 writes.
  const { target } = JSON.parse(config) as { readonly target?: unknown };
  return typeof target === 'string' ? target : undefined;
}

async function deadBuilds(host: Host, domids: readonly Domid[]): Promise<readonly Domid[]> {
  const found = await Promise.all(
    domids.map(async (domid) => ((await isLeftMark(host, domid)) ? [domid] : [])),
  );
  return found.flat();
}
