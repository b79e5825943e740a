import type { DeviceAddress } from '../devices/device.ts';
import type { Host } from '../host/host.ts';
import { DOM0, findDomid, type Domid } from '../ids.ts';
import { listChildren } from '../xenstore/list-children.ts';
import { findMany } from '../xenstore/trees.ts';
import type { XenStoreTree } from '../xenstore/xenstore.ts';
import { backendPath, domainPath, frontendPath, recordPath } from '../xenstore/path.ts';

/** A device as a listing shows it. States are xenbus states in lower case, or `gone` without a node. */
export interface DeviceView {
  readonly kind: string;
  readonly devid: string;
  readonly frontendState: string;
  readonly backend: {
    readonly domid: Domid;
    readonly kind: string;
    readonly devid: string;
    /** What the guest calls it, such as `xvda`; empty where that means nothing. */
    readonly dev: string;
    readonly state: string;
  };
}

/** Names of `enum xenbus_state` (xen/include/public/io/xenbus.h). */
const XENBUS_STATES = [
  'unknown',
  'initialising',
  'initwait',
  'initialised',
  'connected',
  'closing',
  'closed',
  'reconfiguring',
  'reconfigured',
] as const;

const BACKEND = /^\/local\/domain\/(\d+)\/backend\/(\w+)\/(\d+)\/(\w+)$/;

/**
 * Where the back-end of a device lies, from the text in the trusted record; undefined for text of any other form, or of
 * another domain.
 */
export function parseBackendPath(
  text: string | undefined,
  frontend: Domid,
): { readonly domid: Domid; readonly kind: string; readonly devid: string } | undefined {
  const [, domidText = '', kind, frontendText, devid] = BACKEND.exec(text ?? '') ?? [];
  const domid = findDomid(domidText);
  if (domid === undefined || kind === undefined || devid === undefined) return undefined;
  return frontendText === String(frontend) ? { domid, kind, devid } : undefined;
}

/** Addresses of the devices of a domain, by Dom0's own record; what has no right form is left out. */
export async function listDeviceAddresses(
  tree: XenStoreTree,
  domid: Domid,
): Promise<readonly DeviceAddress[]> {
  const root = recordPath(domid, 'device');
  const kinds = await listChildren(tree, root);
  const nested = await Promise.all(
    kinds.map(async (kind) => {
      const devids = (await listChildren(tree, `${root}/${kind}`)).filter((text) =>
        /^\d{1,10}$/.test(text),
      );
      const recorded = await findMany(
        tree,
        devids.map((devid) => recordPath(domid, 'device', kind, devid, 'backend')),
      );
      return devids.flatMap((devid, index): DeviceAddress[] => {
        const backend = parseBackendPath(recorded[index], domid);
        if (backend?.devid !== devid) return [];
        return [
          {
            frontend: domid,
            kind,
            devid: Number(devid),
            backend: backend.domid,
            backendKind: backend.kind,
          },
        ];
      });
    }),
  );
  return nested.flat();
}

/** The devices of a domain, by Dom0's own record: what guests and back-ends write decides nothing but the states shown. */
export async function listDevices(host: Host, domid: Domid): Promise<readonly DeviceView[]> {
  const { store } = host;
  const root = recordPath(domid, 'device');
  const state = async (path: string): Promise<string> => {
    const text = await store.find(`${path}/state`);
    if (text !== undefined) return XENBUS_STATES[/^\d$/.test(text) ? Number(text) : 0] ?? 'unknown';
    return (await store.find(path)) === undefined ? 'gone' : 'unknown';
  };
  const view = async (kind: string, devid: string): Promise<DeviceView> => {
    const recorded = await store.find(recordPath(domid, 'device', kind, devid, 'backend'));
    const backend = parseBackendPath(recorded, domid) ?? { domid: DOM0, kind, devid };
    const path = backendPath(
      { backend: backend.domid, kind: backend.kind, frontend: domid },
      backend.devid,
    );
    const isPrimaryConsole = kind === 'console' && devid === '0';
    const frontend = isPrimaryConsole
      ? domainPath(domid, 'console')
      : frontendPath(domid, kind, devid);
    const [frontendState, backendState, dev] = await Promise.all([
      state(frontend),
      state(path),
      store.find(`${path}/dev`),
    ]);
    // xenconsoled keeps no state of the primary console; xl writes down that it is initialising, and nobody ever changes that.
    const shown = isPrimaryConsole && backendState === 'gone' ? 'initialising' : backendState;
    return { kind, devid, frontendState, backend: { ...backend, dev: dev ?? '', state: shown } };
  };
  const kinds = await listChildren(store, root);
  const nested = await Promise.all(
    kinds.map(async (kind) => {
      const devids = await listChildren(store, `${root}/${kind}`);
      return Promise.all(devids.map((devid) => view(kind, devid)));
    }),
  );
  return nested.flat();
}
