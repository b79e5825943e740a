import type { Domid } from '@xenops/core/ids';
import { ADDON_ARITY, type Addon, type AddonFailure } from './addon.ts';
import { DOMAIN_RECORD_BYTES } from './domain-list-codec.ts';

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
  const exports = Object.entries(ADDON_ARITY).map(([name, arity]) => {
    const run = new Map<string, unknown>(Object.entries(given)).get(name);
    const exported = (...args: readonly unknown[]): unknown =>
      typeof run === 'function' ? Reflect.apply(run, undefined, args) : failCall({ call: name });
    return [name, Object.defineProperty(exported, 'length', { value: arity })];
  });
  return Object.fromEntries(exports) as Addon;
}

/** What the addon's `findDomain` gives for a domain with that many vcpus. */
export function domainRecord(domid: Domid, vcpuCount = 1): ArrayBuffer {
  const buffer = new ArrayBuffer(DOMAIN_RECORD_BYTES);
  const words = new Uint32Array(buffer);
  words[0] = domid;
  words[4] = vcpuCount - 1;
  return buffer;
}
