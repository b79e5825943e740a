/**
 * Undo of builds whose process died. A build leaves a mark with its own identity and the domain's before it touches the
 * domain and takes it away at the end; a mark whose process is gone belongs to a domain that is half built, and whoever
 * comes next makes that domain as empty as it was. Where the domid is another domain's by now, there is only the mark to
 * take away: somebody else has destroyed the one that was built.
 */
import type { Host } from '../host/host.ts';
import type { ProcessIdentity } from '../host/host-services.ts';
import type { DomainInfo } from '../hypervisor/hypervisor.ts';
import type { Domid, VmUuid } from '../ids.ts';
import { hasCode } from '../errors.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { buildMarkPath, domidOfBuildMark, RECORD_ROOT } from '../xenstore/path.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import { remakeDomain } from './create.ts';
import { domainRecord } from './domain-record.ts';
import type { DomainIdentity } from './layout.ts';
import { getUnbuilt } from './record.ts';
import { pruneEmpty } from './remove-nodes.ts';

interface BuildMark {
  readonly builder: ProcessIdentity;
  /** The domain that is built. */
  readonly uuid: string;
}

/** Marks the domain as being built by this process. */
export async function markBuild(host: Host, domid: Domid, uuid: VmUuid): Promise<void> {
  const { pid, startTicks } = await host.services.ownProcess();
  await host.store.write(buildMarkPath(domid), `${pid} ${startTicks} ${uuid}`);
}

/** Takes the mark of a build away that has come to nothing. */
export async function unmarkBuild(host: Host, domid: Domid): Promise<void> {
  await host.store.transaction(async (tree) => {
    await tree.rm(buildMarkPath(domid));
    await pruneEmpty(tree, [RECORD_ROOT]);
  });
}

/** Puts on record that the domain is built, and takes the mark away. */
export async function finishBuild(
  { store }: Host,
  domid: Domid,
  identity: DomainIdentity,
): Promise<void> {
  const { path, value } = domainRecord(domid, identity, 'built');
  await Promise.all([store.write(path, value), store.rm(buildMarkPath(domid))]);
}

/** Undoes every build whose process is gone, and tells of which domains. */
export async function recoverBuilds(host: Host): Promise<readonly Domid[]> {
  const recovered: Domid[] = [];
  for (const domid of await listBuildMarks(host.store)) {
    const mark = parseMark(await host.store.find(buildMarkPath(domid)));
    const info = await host.hypervisor.findDomain(domid);
    if (await isUnderWay(host, mark, info)) continue;
    if (info !== undefined && (mark === undefined || info.uuid === mark.uuid)) {
      const identity = await getUnbuilt(host, info).catch((error: unknown) => {
        // It was built by then, or is none of ours: nothing to undo.
        if (hasCode(error, 'DOMAIN_WRONG_STATE')) return undefined;
        throw error;
      });
      if (identity !== undefined) {
        await remakeDomain(host, domid, identity);
        recovered.push(domid);
      }
    }
    await unmarkBuild(host, domid);
  }
  return recovered;
}

/** Whether the mark of the domid is one that was left: its process is gone, or the domid is another domain's. */
export async function isLeftMark(host: Host, domid: Domid): Promise<boolean> {
  const text = await host.store.find(buildMarkPath(domid));
  // The build has come to its end by now.
  if (text === undefined) return false;
  return !(await isUnderWay(host, parseMark(text), await host.hypervisor.findDomain(domid)));
}

/** A builder may make its domain anew, so that there is none for a moment. */
async function isUnderWay(
  host: Host,
  mark: BuildMark | undefined,
  info: DomainInfo | undefined,
): Promise<boolean> {
  if (mark === undefined || (info !== undefined && info.uuid !== mark.uuid)) return false;
  return host.services.isAlive(mark.builder);
}

/** Domains that are marked as being built. */
export async function listBuildMarks(tree: XenStoreTree): Promise<readonly Domid[]> {
  const names = await listChildren(tree, RECORD_ROOT);
  return names.flatMap((name) => domidOfBuildMark(name) ?? []);
}

/** Undefined for what is none. */
function parseMark(text: string | undefined): BuildMark | undefined {
  const [, pid, startTicks, uuid] = /^(\d+) (\d+) (\S+)$/.exec(text ?? '') ?? [];
  return pid === undefined || startTicks === undefined || uuid === undefined
    ? undefined
    : { builder: { pid: Number(pid), startTicks }, uuid };
}
