/** What happens on a host, as one typed stream (the old *xal*). */
import type { Domid, VmUuid } from '../ids.ts';
import type { SeenShutdownReason } from '../hypervisor/hypervisor.ts';
import type { XenbusState } from '../devices/xenbus-state.ts';

/** Which end of which device. */
export interface DeviceEnd {
  readonly domid: Domid;
  readonly end: 'frontend' | 'backend';
  /** Folder of that end: `vbd`, `qdisk`, `vif`... */
  readonly deviceKind: string;
  readonly devid: number;
  /** The domain that serves it, for a back-end. */
  readonly backend?: Domid;
}

export type HostEvent =
  /** A domain is there: at the start of the stream for each that runs, and when one is introduced. */
  | { readonly kind: 'introduced'; readonly domid: Domid; readonly uuid: VmUuid }
  /** It has shut down and can be looked at. Once for each end. */
  | {
      readonly kind: 'shutdown';
      readonly domid: Domid;
      readonly uuid: VmUuid;
      readonly reason: SeenShutdownReason;
    }
  /** It is being destroyed or gone. `reason` when it had shut down before. */
  | {
      readonly kind: 'released';
      readonly domid: Domid;
      readonly uuid: VmUuid;
      readonly reason?: SeenShutdownReason;
    }
  /** The state of a device's end changed; `undefined`: its nodes are gone. Text of guests: `unknown` where it is no state. */
  | ({ readonly kind: 'device'; readonly state: XenbusState | undefined } & DeviceEnd)
  /** A driver says why it failed; the text is the guest's or the back-end's. */
  | ({ readonly kind: 'device-error'; readonly text: string } & DeviceEnd)
  /** `hotplug-status` of a back-end. */
  | ({ readonly kind: 'hotplug'; readonly status: string } & DeviceEnd)
  /** The medium of a drive: `params`; empty when it was ejected. */
  | ({ readonly kind: 'medium'; readonly params: string } & DeviceEnd)
  /** The guest set its clock: seconds from UTC. */
  | { readonly kind: 'rtc'; readonly uuid: VmUuid; readonly offsetSeconds: number }
  /** The guest's agent says that its data changed. */
  | { readonly kind: 'guest-agent'; readonly domid: Domid }
  /** One of the nodes below a domain's root that were asked for. */
  | {
      readonly kind: 'extra';
      readonly domid: Domid;
      readonly node: string;
      /** Cut to 4096 characters; undefined: it is gone. */
      readonly value: string | undefined;
    }
  /** The connection to xenstored was lost, or the reader fell behind: anything may have changed since the last event. What is there now follows. */
  | { readonly kind: 'resync' };
