/**
 * Undo of builds whose process died. A build leaves a mark with its own identity before it touches the domain and takes
 * it away at the end; a mark whose process is gone belongs to a domain that is half built, and whoever comes next makes
 * that domain as empty as it was.
 */
import type { Host } from '../host/host.ts';
import type { ProcessIdentity } from '../host/host-services.ts';
import type { Domid } from '../ids.ts';
import { hasCode } from '../errors.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { buildMarkPath, domidOfBuildMark, RECORD_ROOT } from '../xenstore/path.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import { remakeDomain } from './create.ts';
import { domainRecord } from './domain-record.ts';
import type { DomainIdentity } from './layout.ts';
import { getUnbuilt } from './record.ts';
import { pruneEmpty } from './remove-nodes.ts';

/** Marks the domain as being built by this process. */
export async function markBuild(host: Host, domid: Domid): Promise<void> {
  const { pid, startTicks } = await host.services.ownProcess();
  await host.store.write(buildMarkPath(domid), `${pid} ${startTicks}`);
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
    const builder = parseMark(await host.store.find(buildMarkPath(domid)));
    if (builder !== undefined && (await host.services.isAlive(builder))) continue;
    const info = await host.hypervisor.findDomain(domid);
    if (info !== undefined) {
      const identity = await getUnbuilt(host, info).catch((error: unknown) => {
        // The domid belongs to another domain by now: nothing of ours to undo.
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

/** Domains that are marked as being built. */
export async function listBuildMarks(tree: XenStoreTree): Promise<readonly Domid[]> {
  const names = await listChildren(tree, RECORD_ROOT);
  return names.flatMap((name) => domidOfBuildMark(name) ?? []);
}

/** Who builds, by a mark's text; undefined for what is none. */
export function parseMark(text: string | undefined): ProcessIdentity | undefined {
  const [pid, startTicks] = (text ?? '').split(' ');
  return pid === undefined || startTicks === undefined
    ? undefined
    : { pid: Number(pid), startTicks };
}
