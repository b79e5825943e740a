/** By which a guest's stub domain is found again. */
import type { Host } from '../host/host.ts';
import { findDomid, type Domid } from '../ids.ts';
import { ownRecordPath } from '../xenstore/path.ts';

/** The domain that the device model of this one runs in, by our own record; undefined without one, and when that domain is gone. */
export async function findStubDomain(host: Host, domid: Domid): Promise<Domid | undefined> {
  const text = await host.store.find(ownRecordPath(domid, 'stub-domain'));
  const [stubText = '', uuid] = text?.split(' ') ?? [];
  const stub = findDomid(stubText);
  // Destroyed before, its domid may be another's by now.
  if (stub === undefined || (await host.hypervisor.findDomain(stub))?.uuid !== uuid)
    return undefined;
  return stub;
}
