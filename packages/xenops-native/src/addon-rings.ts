/** The addon's calls for back-ends: event channels and memory of other domains (cpp/event_channels.cc, cpp/shared_memory.cc). */

declare const channelsBrand: unique symbol;
declare const grantsBrand: unique symbol;
declare const foreignBrand: unique symbol;
declare const mappingBrand: unique symbol;

/** A handle of libxenevtchn with a thread that waits on it. Closed by `closeEventChannels` or with its environment. */
export interface EvtchnHandle {
  readonly [channelsBrand]: true;
}

/** A handle of libxengnttab. */
export interface GrantsHandle {
  readonly [grantsBrand]: true;
}

/** A handle of libxenforeignmemory. */
export interface ForeignHandle {
  readonly [foreignBrand]: true;
}

/** What releases a mapping before its bytes are collected. */
export interface MappingHandle {
  readonly [mappingBrand]: true;
}

/** Pages in our memory. They stay mapped as long as anybody can reach the bytes. */
export interface AddonMapping {
  readonly mapping: MappingHandle;
  readonly bytes: ArrayBuffer;
}

export interface AddonRings {
  /**
   * `xenevtchn_open`. `onPort` hears of each port that was notified and is masked since, or 0 when nothing will be heard any
   * more. It does not keep the process alive unless `keepAliveForEvents` says so.
   */
  openEventChannels(onPort: (port: number) => void): EvtchnHandle;
  /** `xenevtchn_close`, which unbinds all ports. Closing twice does nothing. */
  closeEventChannels(channels: EvtchnHandle): void;
  /** `xenevtchn_bind_interdomain`: our port. */
  bindInterdomain(channels: EvtchnHandle, remote: number, remotePort: number): number;
  /** `xenevtchn_bind_unbound_port`: our port. */
  bindUnbound(channels: EvtchnHandle, remote: number): number;
  /** `xenevtchn_notify`. */
  notifyPort(channels: EvtchnHandle, port: number): void;
  /** `xenevtchn_unmask`. */
  unmaskPort(channels: EvtchnHandle, port: number): void;
  /** `xenevtchn_unbind`. */
  unbindPort(channels: EvtchnHandle, port: number): void;
  keepAliveForEvents(channels: EvtchnHandle, keepAlive: boolean): void;

  /** `xengnttab_open`. */
  openGrants(): GrantsHandle;
  /** `xengnttab_close`, once nothing is mapped any more. */
  closeGrants(grants: GrantsHandle): void;
  /** `xengnttab_map_domain_grant_refs`: 1 to 1024 pages. */
  mapGrants(
    grants: GrantsHandle,
    domid: number,
    refs: readonly number[],
    writable: boolean,
  ): AddonMapping;
  /** `xenforeignmemory_open`. */
  openForeignMemory(): ForeignHandle;
  /** `xenforeignmemory_close`, once nothing is mapped any more. */
  closeForeignMemory(foreign: ForeignHandle): void;
  /** `xenforeignmemory_map`: 1 to 1024 pages. */
  mapFrames(
    foreign: ForeignHandle,
    domid: number,
    frames: readonly bigint[],
    writable: boolean,
  ): AddonMapping;
  /** Detaches the bytes and unmaps. Bytes that have been transferred away go when their last holder does. */
  releaseMapping(mapping: MappingHandle): void;
}

export const RINGS_ARITY: Readonly<Record<keyof AddonRings, number>> = {
  openEventChannels: 1,
  closeEventChannels: 1,
  bindInterdomain: 3,
  bindUnbound: 2,
  notifyPort: 2,
  unmaskPort: 2,
  unbindPort: 2,
  keepAliveForEvents: 2,
  openGrants: 0,
  closeGrants: 1,
  mapGrants: 4,
  openForeignMemory: 0,
  closeForeignMemory: 1,
  mapFrames: 4,
  releaseMapping: 1,
};
