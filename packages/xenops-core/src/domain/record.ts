/**
 * What we wrote down about a domain when it was made: the trusted copy that later operations go by. Nothing here comes
 * from a place that a guest can write.
 */
import { DomainError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { DomainInfo } from '../hypervisor/hypervisor.ts';
import type { Domid } from '../ids.ts';
import { domainPath, ownRecordPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import type { DomainIdentity, DomainLimits } from './layout.ts';

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
  const [recordedUuid, state, maxVcpus, ssidref, passthrough, limits, name] = await findMany(
    host.store,
    [
      ownRecordPath(domid, 'uuid'),
      ownRecordPath(domid, 'state'),
      ownRecordPath(domid, 'max-vcpus'),
      ownRecordPath(domid, 'ssidref'),
      ownRecordPath(domid, 'passthrough'),
      ownRecordPath(domid, 'limits'),
      domainPath(domid, 'name'),
    ],
  );
  if (recordedUuid !== uuid || state !== 'made') {
    const why = recordedUuid === uuid ? 'has been built already' : 'was not made by this toolstack';
    throw new DomainError('DOMAIN_WRONG_STATE', {
      message: `Domain ${domid} ${why}; only a domain fresh from create_domain can be built`,
      context: { domid, state: state ?? 'unknown' },
    });
  }
  return {
    uuid,
    name: name ?? defaultName(domid),
    guestType,
    maxVcpus: Number(maxVcpus),
    ssidref: Number(ssidref),
    passthrough: passthrough === '1',
    limits: parseLimits(limits),
  };
}

/** Limits as `madeTree` wrote them, where only Dom0 writes. */
export function parseLimits(text: string | undefined): DomainLimits {
  return text === undefined ? {} : (JSON.parse(text) as DomainLimits);
}

/** The name of a domain that was given none. */
export function defaultName(domid: Domid): string {
  return `Domain-${domid}`;
}
