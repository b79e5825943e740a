import { ADDON_ARITY, type Addon, type AddonFailure } from './addon.ts';

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
