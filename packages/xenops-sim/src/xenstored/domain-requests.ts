/**
 * Requests about domains, for privileged callers; numbers are read as `atoi` reads them, like the C daemon does
 * (tools/xenstore/xenstored_domain.c).
 */
import { DOMID_SELF } from './limits.ts';
import type { Answer } from './connection.ts';
import { atoi, domainPath } from './node-path.ts';
import { OK } from './node-requests.ts';
import type { DomainTable } from './domains.ts';
import type { DomainLife } from './domain-life.ts';

export interface DomainCaller {
  readonly domains: DomainTable;
  readonly life: DomainLife;
}

export function introduce({ life }: DomainCaller, domidText: string, portText: string): Answer {
  if (atoi(portText) <= 0) return 'EINVAL';
  return life.introduce(atoi(domidText)) ? OK : 'EINVAL';
}

export function release({ domains, life }: DomainCaller, domidText: string): Answer {
  const domid = atoi(domidText);
  if (domid === 0) return 'EINVAL';
  if (domains.findConnected(domid) === undefined) return 'ENOENT';
  life.end(domid);
  return OK;
}

export function resume({ domains }: DomainCaller, domidText: string): Answer {
  const domid = atoi(domidText);
  if (domid === 0) return 'EINVAL';
  const domain = domains.findConnected(domid);
  if (domain === undefined) return 'ENOENT';
  domain.isShutdown = false;
  return OK;
}

export function setTarget(
  { domains }: DomainCaller,
  domidText: string,
  targetText: string,
): Answer {
  const domain = domains.findConnected(atoi(domidText));
  const target = domains.findConnected(atoi(targetText));
  if (domain === undefined || target === undefined) return 'ENOENT';
  domain.connection.target = target.connection;
  return OK;
}

export function isDomainIntroduced({ domains }: DomainCaller, domidText: string): Answer {
  const domid = atoi(domidText);
  const isIntroduced = domid === DOMID_SELF || domains.find(domid)?.isIntroduced === true;
  return Buffer.from(isIntroduced ? 'T\0' : 'F\0');
}

export function getDomainPath(domidText: string): Answer {
  return Buffer.from(`${domainPath(atoi(domidText) >>> 0)}\0`);
}
