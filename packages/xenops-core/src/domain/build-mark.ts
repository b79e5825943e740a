/**
 * Undo of builds whose process died. A build leaves a mark with its own identity before it touches the domain and takes
 * it away at the end; a mark whose process is gone belongs to a domain that is half built, and whoever comes next makes
 * that domain as empty as it was.
 */
import type { Host } from '../host/host.ts';
import type { ProcessIdentity } from '../host/host-services.ts';
import { findDomid, DOM0, type Domid } from '../ids.ts';
import { hasCode } from '../errors.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { BUILDS_FOLDERS, BUILDS_PATH, buildMarkPath, ownRecordPath } from '../xenstore/path.ts';
import { ownedBy } from '../xenstore/permissions.ts';
import { remakeDomain } from './create.ts';
import { getUnbuilt } from './record.ts';
import { pruneEmpty } from './remove-nodes.ts';

/** Marks the domain as being built by this process. */
export async function markBuild(host: Host, domid: Domid): Promise<void> {
  const { pid, startTicks } = await host.services.ownProcess();
  const path = buildMarkPath(domid);
  await host.store.transaction(async (tree) => {
    await tree.write(path, `${pid} ${startTicks}`);
    await tree.setPermissions(path, ownedBy(DOM0));
  });
}

/** Takes the mark away, and puts on record that the domain is built when it is. */
export async function unmarkBuild(
  host: Host,
  domid: Domid,
  { isBuilt }: { readonly isBuilt: boolean },
): Promise<void> {
  await host.store.transaction(async (tree) => {
    if (isBuilt) await tree.write(ownRecordPath(domid, 'state'), 'built');
    await tree.rm(buildMarkPath(domid));
    await pruneEmpty(tree, BUILDS_FOLDERS);
  });
}

/** Undoes every build whose process is gone, and tells of which domains. */
export async function recoverBuilds(host: Host): Promise<readonly Domid[]> {
  const names = await listChildren(host.store, BUILDS_PATH);
  const recovered: Domid[] = [];
  for (const domid of names.flatMap((name) => findDomid(name) ?? [])) {
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
    await unmarkBuild(host, domid, { isBuilt: false });
  }
  return recovered;
}

/** Who builds, by a mark's text; undefined for what is none. */
export function parseMark(text: string | undefined): ProcessIdentity | undefined {
  const [pid, startTicks] = (text ?? '').split(' ');
  return pid === undefined || startTicks === undefined
    ? undefined
    : { pid: Number(pid), startTicks };
}
