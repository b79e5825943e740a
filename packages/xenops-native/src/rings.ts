/** What a back-end needs, on libxenevtchn, libxengnttab and libxenforeignmemory. Each device is opened when it is first used. */
import { HypervisorError } from '@xenops/core/errors';
import type { Domid } from '@xenops/core/ids';
import type { MappedMemory, RingAccess, RingOpener } from '@xenops/core/hypervisor';
import type { Addon } from './addon.ts';
import type { AddonMapping, ForeignHandle, GrantsHandle } from './addon-rings.ts';
import { attempt, onDomain, onHost, type Connection, type Deed, type Verbs } from './connection.ts';
import { NativeEventChannels } from './event-channels.ts';

export type RingVerbs = Verbs<RingOpener>;

/** The verb of `RingOpener`. */
export function ringVerbs(connection: Connection): RingVerbs {
  return {
    openRings: () =>
      connection.call(onHost('open rings'), (_, addon) => new NativeRingAccess(addon)),
  };
}

class NativeRingAccess implements Verbs<RingAccess> {
  readonly #addon: Addon;
  readonly #channels = new Set<NativeEventChannels>();
  readonly #mapped = new Set<Disposable>();
  #grants: GrantsHandle | undefined;
  #foreign: ForeignHandle | undefined;
  #isClosed = false;

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  openEventChannels(): NativeEventChannels {
    this.#assertOpen(onHost('open event channels'));
    const channels = new NativeEventChannels(this.#addon, () => this.#channels.delete(channels));
    this.#channels.add(channels);
    return channels;
  }

  mapGrants(
    domid: Domid,
    refs: readonly number[],
    { writable = false }: { readonly writable?: boolean } = {},
  ): MappedMemory {
    return this.#map(onDomain('map grants of', domid, { count: refs.length }), () => {
      this.#grants ??= this.#addon.openGrants();
      return this.#addon.mapGrants(this.#grants, domid, refs, writable);
    });
  }

  mapFrames(
    domid: Domid,
    frames: readonly bigint[],
    { writable = false }: { readonly writable?: boolean } = {},
  ): MappedMemory {
    return this.#map(onDomain('map frames of', domid, { count: frames.length }), () => {
      this.#foreign ??= this.#addon.openForeignMemory();
      return this.#addon.mapFrames(this.#foreign, domid, frames, writable);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const channels of [...this.#channels]) await channels[Symbol.asyncDispose]();
    for (const memory of [...this.#mapped]) memory[Symbol.dispose]();
    if (this.#grants !== undefined) this.#addon.closeGrants(this.#grants);
    if (this.#foreign !== undefined) this.#addon.closeForeignMemory(this.#foreign);
    this.#grants = undefined;
    this.#foreign = undefined;
  }

  #map(deed: Deed, map: () => AddonMapping): MappedMemory {
    this.#assertOpen(deed);
    const { mapping, bytes } = attempt(deed, map);
    const memory: MappedMemory = {
      bytes: new Uint8Array(bytes),
      [Symbol.dispose]: () => {
        if (this.#mapped.delete(memory)) this.#addon.releaseMapping(mapping);
      },
    };
    this.#mapped.add(memory);
    return memory;
  }

  #assertOpen({ what, context }: Deed): void {
    if (!this.#isClosed) return;
    throw new HypervisorError('HYPERVISOR_UNAVAILABLE', {
      message: `Cannot ${what}: the rings have been closed`,
      context,
    });
  }
}
