/** Making an empty domain, and making it again under the same domid. */
import { ConfigError, DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { DOM0, type Domid, type VmUuid } from '../ids.ts';
import type { DomainCreateSpec, GuestType } from '../hypervisor/hypervisor.ts';
import { applyTreeChange } from '../xenstore/nodes.ts';
import { findNamed } from './domain-names.ts';
import { recentDomids } from './recent-domids.ts';
import { defaultName } from './record.ts';
import { removeBackendNodes, removeDomainNodes } from './remove-nodes.ts';
import { withUndo } from './with-undo.ts';
import { madeTree, type DomainIdentity, type DomainLimits } from './layout.ts';

/** What a new domain is to be. */
export interface CreateConfig {
  readonly uuid: VmUuid;
  readonly guestType: GuestType;
  /** `Domain-DOMID` unless said; no two domains of a host have the same. */
  readonly name?: string | undefined;
  readonly maxVcpus: number;
  readonly ssidref?: number | undefined;
  /** Whether it may be given PCI devices, now or later; not unless said, for it costs what an IOMMU costs. */
  readonly passthrough?: boolean | undefined;
  /** What Xen fixes at creation besides. */
  readonly limits?: DomainLimits | undefined;
}

/** Names longer than this do not fit where xl shows and stores them; Xen itself has no limit. */
const NAME_LENGTH_MAX = 255;
/** Dom0's, in every host. */
const DOM0_NAME = 'Domain-0';

/**
 * Makes a domain, paused and without memory, with its nodes in xenstore, and tells its domid. Rejects with
 * DOMAIN_NAME_TAKEN, CONFIG_BAD_VALUE or the hypervisor's error; there is no new domain then.
 */
export async function createDomain(host: Host, config: CreateConfig): Promise<Domid> {
  const { uuid, guestType, maxVcpus, ssidref = 0, name, passthrough = false, limits } = config;
  const [recent] = await Promise.all([
    recentDomids(host),
    name === undefined ? undefined : assertNameIsFree(host, name),
  ]);
  return withUndo('Making a domain', async (undo) => {
    const domid = await createFresh(host, recent, {
      uuid,
      guestType,
      maxVcpus,
      ssidref,
      ...(passthrough ? { iommu: true } : {}),
      ...limits,
    });
    undo.push(`domain ${domid}`, () => host.hypervisor.destroy(domid));
    const identity = {
      uuid,
      guestType,
      maxVcpus,
      ssidref,
      passthrough,
      limits,
      name: name ?? defaultName(domid),
    };
    undo.push(`the nodes of domain ${domid}`, () =>
      host.store.transaction((tree) => removeDomainNodes(tree, domid, uuid)),
    );
    await applyTreeChange(host.store, madeTree(domid, identity));
    return domid;
  });
}

/** A domain whose domid was not in use just now. */
async function createFresh(
  host: Host,
  recent: ReadonlySet<Domid>,
  spec: DomainCreateSpec,
): Promise<Domid> {
  for (let refused = 0; ; refused += 1) {
    const domid = await host.hypervisor.createDomain(spec);
    // Xen goes on from the last domid it chose, so each one is refused once at most.
    if (!recent.has(domid) || refused >= recent.size) return domid;
    await host.hypervisor.destroy(domid);
  }
}

/**
 * Takes everything from a domain that was being built, and makes it anew and empty under the same domid. This is also
 * how the number of its vcpus is changed, which Xen fixes at creation.
 */
export async function remakeDomain(
  host: Host,
  domid: Domid,
  identity: DomainIdentity,
): Promise<void> {
  const { uuid, guestType, maxVcpus, ssidref, passthrough = false, limits } = identity;
  await withUndo(`Making domain ${domid} anew`, async (undo) => {
    undo.push(`the nodes of domain ${domid}`, () =>
      host.store.transaction((tree) => removeDomainNodes(tree, domid, uuid)),
    );
    // xenstored must forget the old ring before it can hear of a new one under this domid.
    if (await host.store.isIntroduced(domid)) await host.store.release(domid);
    if ((await host.hypervisor.findDomain(domid))?.uuid === uuid) {
      await host.hypervisor.destroy(domid);
    }
    await host.hypervisor.createDomain({
      uuid,
      guestType,
      maxVcpus,
      ssidref,
      domid,
      ...(passthrough ? { iommu: true } : {}),
      ...limits,
    });
    undo.push(`domain ${domid}`, () => host.hypervisor.destroy(domid));
    const change = madeTree(domid, identity);
    await host.store.transaction(async (tree) => {
      await removeBackendNodes(tree, domid);
      await applyTreeChange(tree, change);
    });
  });
}

async function assertNameIsFree(host: Host, name: string): Promise<void> {
  if (!/^[^\s/\p{Cc}]+$/u.test(name) || name.length > NAME_LENGTH_MAX || /^\d+$/.test(name)) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `"${name}" cannot be the name of a domain: up to ${NAME_LENGTH_MAX} characters, no spaces, slashes or control characters, and not a number alone`,
      context: { name },
    });
  }
  const domid = name === DOM0_NAME ? DOM0 : await findNamed(host, name);
  if (domid !== undefined) {
    throw new DomainError('DOMAIN_NAME_TAKEN', {
      message: `Domain ${domid} has the name "${name}" already`,
      context: { name, domid },
    });
  }
}
