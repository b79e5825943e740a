/** The hotplug of the simulated Dom0 on the hypervisor's socket: the same calls under names of their own. */
import type { HotplugServices } from '@xenops/core/hotplug';

/** Names, and whether the last argument is `{ signal }`. */
const HOTPLUG_CALLS: Readonly<Record<keyof HotplugServices, 'short' | 'long'>> = {
  statDisk: 'short',
  attachLoop: 'short',
  keepLoop: 'short',
  detachLoop: 'short',
  listLoops: 'short',
  listLinks: 'short',
  joinBridge: 'short',
  leaveBridge: 'short',
  renameLink: 'short',
  runScript: 'long',
};

export type HotplugVerb = `hotplug.${keyof HotplugServices}`;

const PREFIX = 'hotplug.';

export function isHotplugVerb(name: string): name is HotplugVerb {
  return name.startsWith(PREFIX) && Object.hasOwn(HOTPLUG_CALLS, name.slice(PREFIX.length));
}

type AnyCall = (...args: readonly unknown[]) => unknown;

/** The call behind a name; the signal that ends it goes last where it takes one. */
export function hotplugCall(
  services: HotplugServices,
  verb: HotplugVerb,
  signal: AbortSignal,
): AnyCall {
  const name = nameOf(verb);
  // Arguments come from a caller of the same interface.
  const calls = services as unknown as Readonly<Record<keyof HotplugServices, AnyCall>>;
  return (...args) => calls[name](...args, ...(HOTPLUG_CALLS[name] === 'long' ? [{ signal }] : []));
}

/** Services that send each call by `send`. */
export function remoteHotplug(
  send: (
    verb: HotplugVerb,
    args: readonly unknown[],
    options?: { readonly signal?: AbortSignal | undefined },
  ) => Promise<unknown>,
): HotplugServices {
  const calls = Object.entries(HOTPLUG_CALLS).map(([name, kind]) => {
    const verb = `${PREFIX}${name}` as HotplugVerb;
    const call = (...args: readonly unknown[]): Promise<unknown> =>
      kind === 'long'
        ? // Callers have the types of the interface.
          send(verb, args.slice(0, 1), args[1] as { readonly signal?: AbortSignal } | undefined)
        : send(verb, args);
    return [name, call] as const;
  });
  // The table has just given a function for each key.
  return Object.fromEntries(calls) as unknown as HotplugServices;
}

const nameOf = (verb: HotplugVerb): keyof HotplugServices =>
  verb.slice(PREFIX.length) as keyof HotplugServices;
