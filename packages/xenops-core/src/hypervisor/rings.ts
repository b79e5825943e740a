/**
 * What a back-end needs: event channels, grants and foreign memory. Memory comes as bytes that are the guest's own: it may change
 * under the reader at any time, so a value is read once, into a copy, and checked there. Everything not released by its owner is released when
 * the `RingAccess` is disposed of; bytes of released memory are detached (length 0), never dangling.
 */
import type { Domid, Evtchn } from '../ids.ts';
import type { Awaitable } from './awaitable.ts';

/** Pages of another domain in our memory. */
export interface MappedMemory extends Disposable {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Event channels of the calling domain (libxenevtchn). */
export interface EventChannels extends AsyncDisposable {
  /** Our end of a channel whose other end is `remotePort` in `remote`. */
  bindInterdomain(remote: Domid, remotePort: Evtchn): Awaitable<Evtchn>;
  /** A port of ours that `remote` may bind to; Xen does not look whether there is such a domain. */
  bindUnbound(remote: Domid): Awaitable<Evtchn>;
  notify(port: Evtchn): Awaitable<void>;
  unbind(port: Evtchn): Awaitable<void>;
  /**
   * Resolves when the port has been notified since the last wait; it is unmasked again by then. It may do so once more than there were
   * notifications, so look again each time. Rejects with HYPERVISOR_UNAVAILABLE when the port is unbound or the channels are closed.
   */
  wait(port: Evtchn, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

export interface RingAccess extends AsyncDisposable {
  openEventChannels(): Awaitable<EventChannels>;
  /**
   * Maps granted pages in order, 1 to 1024 (`xengnttab_map_domain_grant_refs`). HYPERVISOR_BAD_ARGUMENT when a grant, or the domain, is not
   * there.
   */
  mapGrants(
    domid: Domid,
    refs: readonly number[],
    options?: { readonly writable?: boolean },
  ): Awaitable<MappedMemory>;
  /**
   * Maps frames of a domain we control, 1 to 1024 (`xenforeignmemory_map`). HYPERVISOR_BAD_ARGUMENT when a guest frame is not there,
   * HYPERVISOR_NOT_PERMITTED for a machine frame that the PV domain does not own.
   */
  mapFrames(
    domid: Domid,
    frames: readonly bigint[],
    options?: { readonly writable?: boolean },
  ): Awaitable<MappedMemory>;
}

export interface RingOpener {
  /** HYPERVISOR_NOT_SUPPORTED where memory cannot be shared with the host, as with a simulated host in another process. */
  openRings(): Awaitable<RingAccess>;
}
