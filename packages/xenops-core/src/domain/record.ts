/**
 * What we wrote down about a domain when it was made: the trusted copy that later operations go by. Nothing here comes
 * from a place that a guest can write.
 */
import { DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { DomainInfo } from '../hypervisor/hypervisor.ts';
import type { Domid } from '../ids.ts';
import { domainPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import { domainRecordPath, parseDomainRecord } from './domain-record.ts';
import type { DomainIdentity } from './layout.ts';

/** The domain as Xen has it. Rejects with DOMAIN_NOT_FOUND. */
export async function getDomain(host: Host, domid: Domid): Promise<DomainInfo> {
  const info = await host.hypervisor.findDomain(domid);
  if (info === undefined) {
    throw new DomainError('DOMAIN_NOT_FOUND', {
      message: `No domain has the domid ${domid}`,
      context: { domid },
    });
  }
  return info;
}

/**
 * The identity of a domain that was made by us and is not built yet. Rejects with DOMAIN_WRONG_STATE when it was built
 * before, or was made by somebody else.
 */
export async function getUnbuilt(host: Host, info: DomainInfo): Promise<DomainIdentity> {
  const { domid, uuid, guestType } = info;
  const [text, name] = await findMany(host.store, [
    domainRecordPath(domid),
    domainPath(domid, 'name'),
  ]);
  const record = parseDomainRecord(text);
  if (record?.uuid !== uuid || record.state !== 'made') {
    const why = record?.uuid === uuid ? 'has been built already' : 'was not made by this toolstack';
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: `Domain ${domid} ${why}; only a domain fresh from create_domain can be built`,
      context: { domid, state: record?.state ?? 'unknown' },
    });
  }
  const { maxVcpus, ssidref, passthrough, limits } = record;
  return {
    uuid,
    name: name ?? defaultName(domid),
    guestType,
    maxVcpus,
    ssidref,
    passthrough,
    limits,
  };
}

/** The name of a domain that was given none. */
export function defaultName(domid: Domid): string {
  return `Domain-${domid}`;
}
