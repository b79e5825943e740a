import { ADDON_ARITY, type Addon, type AddonDomainLayout, type AddonFailure } from './addon.ts';

/** Throws what the addon throws for a failed call. */
export function failCall(fields: Partial<AddonFailure>): never {
  throw addonError(fields);
}

/** What the addon throws, or rejects with, for a failed call. */
export function addonError(fields: Partial<AddonFailure>): Error {
  const plain = { call: 'xc_call', errno: 0, libraryCode: 0, log: '', stage: '' };
  return Object.assign(new Error('failed'), plain, fields);
}

/** A module with the names and argument counts of the addon; what is not given fails when called. */
export function fakeAddon(given: Partial<Record<keyof Addon, unknown>>): Addon {
  const known = new Map<string, unknown>(
    Object.entries({ domainLayout: () => DOMAIN_LAYOUT, ...given }),
  );
  const exports = Object.entries(ADDON_ARITY).map(([name, arity]) => {
    const run = known.get(name);
    const exported = (...args: readonly unknown[]): unknown =>
      typeof run === 'function' ? Reflect.apply(run, undefined, args) : failCall({ call: name });
    return [name, Object.defineProperty(exported, 'length', { value: arity })];
  });
  return Object.fromEntries(exports) as Addon;
}

/** `xen_domctl_getdomaininfo` of Xen 4.17. */
export const DOMAIN_LAYOUT: AddonDomainLayout = {
  recordBytes: 112,
  domid: 0,
  flags: 4,
  totalPages: 8,
  maxPages: 16,
  outstandingPages: 24,
  sharedInfoFrame: 48,
  cpuTimeNs: 56,
  onlineVcpuCount: 64,
  maxVcpuId: 68,
  ssidref: 72,
  handle: 76,
  cpupoolId: 92,
  emulationFlags: 104,
};

/** The addon's `findDomain` on a host where every domid is that of a PV domain with that many vcpus. */
export function findAnyDomain(vcpuCount = 1): Addon['findDomain'] {
  return (_, domid, records) => {
    const view = new DataView(records);
    view.setUint16(DOMAIN_LAYOUT.domid, domid, true);
    view.setUint32(DOMAIN_LAYOUT.maxVcpuId, vcpuCount - 1, true);
    return true;
  };
}
