/**
 * Devices: which one, and what it is made of. A class (`classes/`) turns a configuration into a `DeviceDescription`, plain data; one
 * engine (`attach.ts`, `detach.ts`) does the rest for all classes.
 */
import type { Domid } from '../ids.ts';

/** One device of a domain. The kinds differ where several back-ends serve one front-end (`vbd` by `vbd` or `qdisk`). */
export interface DeviceAddress {
  readonly frontend: Domid;
  /** Folder of the front-end: `vbd`, `vif`, `vkb`... */
  readonly kind: string;
  readonly devid: number;
  readonly backend: Domid;
  /** Folder of the back-end. */
  readonly backendKind: string;
}

/** Who serves a device, which decides what has to be waited for. */
export type Backend =
  /** A driver in a kernel: it acts on its nodes at once, and waits in InitWait for hotplug. */
  | 'kernel'
  /** The device model of the domain: it acts when it runs. */
  | 'device-model'
  /** Another program, such as a sound server; it may be started later. */
  | 'program'
  /** Nobody: the nodes alone are the device. */
  | 'none';

/** What connects the back-end to the host, once it waits for that. */
export type HotplugPlan =
  | { readonly kind: 'none' }
  /** A disk served by blkback: a block device as it is, a file through a loop device. */
  | { readonly kind: 'block'; readonly path: string; readonly readOnly: boolean }
  /** A network interface that becomes a port of a bridge. */
  | {
      readonly kind: 'bridge';
      readonly bridge: string;
      /** Name of the host's interface: `vifD.N`, or that of the configuration. */
      readonly link: string;
      readonly mtu?: number | undefined;
    }
  /** A script with Xen's contract (docs/misc/block-scripts.txt); `env` adds to what every script gets. */
  | {
      readonly kind: 'script';
      readonly script: string;
      readonly type: 'vbd' | 'vif';
      readonly env?: Readonly<Record<string, string>>;
    }
  /** A back-end in another domain, whose own daemon does it (`xl devd`); its result is waited for. */
  | { readonly kind: 'remote' };

export interface DeviceDescription {
  readonly address: DeviceAddress;
  readonly backend: Backend;
  /** Keys of the front-end besides `backend`, `backend-id` and `state`; the guest may change them. */
  readonly frontendKeys: Readonly<Record<string, string>>;
  /** Further ones that the guest may only read. */
  readonly frontendReadOnlyKeys?: Readonly<Record<string, string>> | undefined;
  /** Keys of the back-end besides `frontend`, `frontend-id`, `online` and `state`. */
  readonly backendKeys: Readonly<Record<string, string>>;
  readonly hotplug: HotplugPlan;
  /** What it was described from, kept on record for saving and showing the domain: plain data without secrets. */
  readonly config?: unknown;
}

/** "vbd 51712 of domain 7", for messages. */
export function deviceName({ kind, devid, frontend }: DeviceAddress): string {
  return `${kind} ${devid} of domain ${frontend}`;
}
