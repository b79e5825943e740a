/**
 * The first thing we keep of a domain of ours: who it is, how it was made, and how far it is. One node, for each request to
 * xenstore costs.
 */
import type { Domid, VmUuid } from '../ids.ts';
import type { NodeWrite } from '../xenstore/nodes.ts';
import { ownRecordPath } from '../xenstore/path.ts';
import type { DomainIdentity } from './layout.ts';

/** `made`: it is empty; `built`: a guest is in it. */
export type DomainProgress = 'made' | 'built';

/** What the node says. */
export interface DomainRecord extends Pick<
  DomainIdentity,
  'maxVcpus' | 'ssidref' | 'passthrough' | 'limits'
> {
  readonly uuid: VmUuid;
  readonly state: DomainProgress;
}

/** Where it is. */
export function domainRecordPath(domid: Domid): string {
  return ownRecordPath(domid, 'domain');
}

/** The node that says so. */
export function domainRecord(
  domid: Domid,
  { uuid, maxVcpus, ssidref, passthrough, limits }: DomainIdentity,
  state: DomainProgress,
): NodeWrite & { readonly value: string } {
  const record: DomainRecord = { uuid, state, maxVcpus, ssidref, passthrough, limits };
  return { path: domainRecordPath(domid), value: JSON.stringify(record) };
}

/** The record from its node's value, undefined when there is none. It lies where only Dom0 writes. */
export function parseDomainRecord(text: string | undefined): DomainRecord | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as DomainRecord);
}
