/**
 * The configuration of a running domain, kept where only Dom0 reads: saving, checkpointing and showing it need no other source. For `xl`
 * the same goes into libxl's file beside it.
 */
import { DomainError } from '../errors.ts';
import type { VbdConfig } from '../devices/classes/vbd.ts';
import type { VifConfig } from '../devices/classes/vif.ts';
import type { Host } from '../host/host.ts';
import type { Domid, VmUuid } from '../ids.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { applyTreeChange, type NodeWrite } from '../xenstore/nodes.ts';
import { domainPath, ownRecordPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import type { BuildConfig, DirectKernel } from './build-config.ts';
import { getDomain } from './record.ts';
import { listDeviceAddresses } from './list-devices.ts';
import {
  decodeXlConfig,
  encodeXlConfig,
  withDevices,
  type DomainConfig,
  type XlDevices,
} from './xl-config.ts';

/** Bytes of a node of the record; a request of xenstore's protocol has room for 4096 with its path. */
const CHUNK_BYTES = 3072;
/** Where libxl keeps its file about each domain (libxl_dom.c, userdata). */
const XL_USERDATA_FOLDER = '/var/lib/xen';
/** That file is a C string, whose end libxl reads up to wherever it is (libxl_internal.c, `libxl__set_domain_configuration`). */
const END = /\0+$/;

/** The nodes of the record. */
export function configRecord(domid: Domid, build: BuildConfig): readonly NodeWrite[] {
  const text = JSON.stringify(build, (_key, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
  // Only ASCII: a character then is a byte, wherever the text is cut.
  const ascii = text.replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Array.from({ length: Math.ceil(ascii.length / CHUNK_BYTES) }, (_, index) => ({
    path: ownRecordPath(domid, 'build', String(index)),
    value: ascii.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
  }));
}

/** The configuration of a domain. Rejects with DOMAIN_NOT_FOUND, or DOMAIN_WRONG_STATE when nobody has left one. */
export async function readDomainConfig(host: Host, domid: Domid): Promise<DomainConfig> {
  const { uuid } = await getDomain(host, domid);
  const own = await findOwnConfig(host, domid, uuid);
  if (own !== undefined) return own;
  const json = await findXlFile(host, domid, uuid);
  if (json !== undefined) return decodeXlConfig(json);
  throw new DomainError('DOMAIN_WRONG_STATE', {
    message: `Domain ${domid} has no configuration on record: it was built neither by this toolstack nor by xl, or not at all`,
    context: { domid },
  });
}

/** By our own record; undefined for a domain that is none of ours. */
async function findOwnConfig(
  host: Host,
  domid: Domid,
  uuid: VmUuid,
): Promise<DomainConfig | undefined> {
  const build = await readBuild(host, domid);
  if (build === undefined) return undefined;
  const name = (await host.store.find(domainPath(domid, 'name'))) ?? `Domain-${domid}`;
  return { uuid, name, build, ...(await recordedDevices(host.store, domid)) };
}

async function recordedDevices(
  tree: XenStoreTree,
  domid: Domid,
): Promise<Pick<DomainConfig, 'disks' | 'nics'>> {
  const [disks, nics, wireless] = await Promise.all([
    deviceConfigs<VbdConfig>(tree, domid, 'vbd'),
    deviceConfigs<VifConfig>(tree, domid, 'vif'),
    deviceConfigs<VifConfig>(tree, domid, 'vwif'),
  ]);
  return { disks, nics: [...nics, ...wireless] };
}

async function findXlFile(host: Host, domid: Domid, uuid: VmUuid): Promise<string | undefined> {
  return (await host.services.readText(xlFile(domid, uuid)))?.replace(END, '');
}

/** Puts on record which kernel the device model of an HVM guest starts: one that goes on from an image must be given the same. */
export async function recordDirectKernel(
  host: Host,
  domid: Domid,
  directKernel: DirectKernel,
): Promise<void> {
  const { build } = await readDomainConfig(host, domid);
  if (build.kind !== 'hvm') return;
  await host.store.transaction(async (tree) => {
    await applyTreeChange(tree, {
      rm: [ownRecordPath(domid, 'build')],
      write: configRecord(domid, { ...build, directKernel }),
    });
  });
}

/**
 * Writes libxl's file anew, so that `xl save`, `xl list -l` and `xl block-attach` know the domain and its devices. A domain that is not built, or was made
 * by neither of us, has no such file and gets none. Rejects with DOMAIN_NOT_FOUND.
 */
export async function updateXlFile(host: Host, domid: Domid): Promise<void> {
  if (host.uri !== 'xen:') return;
  const { uuid } = await getDomain(host, domid);
  const own = await findOwnConfig(host, domid, uuid);
  const json = own === undefined ? await withDevicesNow(host, domid, uuid) : encodeXlConfig(own);
  if (json !== undefined) await host.services.writePrivateFile(xlFile(domid, uuid), `${json}\0`);
}

/** xl's own file of the domain. */
async function withDevicesNow(host: Host, domid: Domid, uuid: VmUuid): Promise<string | undefined> {
  const json = await findXlFile(host, domid, uuid);
  return json === undefined ? undefined : withDevices(json, await devicesNow(host.store, domid));
}

async function devicesNow(tree: XenStoreTree, domid: Domid): Promise<XlDevices> {
  const [devices, recorded] = await Promise.all([
    listDeviceAddresses(tree, domid),
    recordedDevices(tree, domid),
  ]);
  const numbersOf = (...kinds: readonly string[]): ReadonlySet<number> =>
    new Set(devices.filter(({ kind }) => kinds.includes(kind)).map(({ devid }) => devid));
  return { ...recorded, vbds: numbersOf('vbd'), vifs: numbersOf('vif', 'vwif') };
}

function xlFile(domid: Domid, uuid: VmUuid): string {
  return `${XL_USERDATA_FOLDER}/userdata-d.${domid}.${uuid}.libxl-json`;
}

async function readBuild(host: Host, domid: Domid): Promise<BuildConfig | undefined> {
  const root = ownRecordPath(domid, 'build');
  const count = (await listChildren(host.store, root)).length;
  if (count === 0) return undefined;
  const chunks = await findMany(
    host.store,
    Array.from({ length: count }, (_, index) => `${root}/${index}`),
  );
  const text = chunks.join('');
  // Written by configRecord, where only Dom0 writes.
  return JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'string' && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  ) as BuildConfig;
}

/** What each device of a kind was described from, by rising number. */
async function deviceConfigs<Config>(
  tree: XenStoreTree,
  domid: Domid,
  kind: string,
): Promise<readonly Config[]> {
  const root = ownRecordPath(domid, 'device', kind);
  const devids = [...(await listChildren(tree, root))].sort((a, b) => Number(a) - Number(b));
  const texts = await findMany(
    tree,
    devids.map((devid) => `${root}/${devid}/config`),
  );
  return texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as Config]));
}
