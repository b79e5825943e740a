/** What happens at the service, as one ordered stream of values. */
import { subscription, type ObjectPath, type Subscription } from '@xenops/rpcgen/runtime';
import type { Xenmgr } from './xenmgr.ts';

/** Something that happened. Texts and numbers are those of the signals in `idl/`. */
export type XenmgrEvent =
  | { readonly kind: 'vm-created' | 'vm-deleted'; readonly uuid: string; readonly path: ObjectPath }
  /** The name of a VM was set. */
  | { readonly kind: 'vm-renamed'; readonly uuid: string; readonly path: ObjectPath }
  /** A setting of a VM changed; changes that are close together are one event. */
  | { readonly kind: 'vm-config'; readonly uuid: string; readonly path: ObjectPath }
  /** The progress of a download changed. */
  | { readonly kind: 'vm-transfer'; readonly uuid: string; readonly path: ObjectPath }
  | {
      readonly kind: 'vm-state';
      readonly uuid: string;
      readonly path: ObjectPath;
      /** One of VM_STATE. */
      readonly state: string;
      /** 0 working, 3 suspended to RAM, 4 hibernated, 5 off. */
      readonly acpiState: number;
    }
  /** A guest asks for the user. */
  | { readonly kind: 'vm-attention'; readonly uuid: string; readonly path: ObjectPath }
  /** Another VM has a CD drive now, or none has: then there is no uuid. */
  | { readonly kind: 'cd-drive'; readonly device: string; readonly uuid: string | undefined }
  | { readonly kind: 'config' | 'language' | 'host-license' }
  | { readonly kind: 'host-state'; readonly state: string }
  | { readonly kind: 'host-storage-low'; readonly percentFree: number }
  /** Nobody serves. */
  | { readonly kind: 'service-gone' }
  /** Somebody serves again, or the bus is back: events may have been missed, so read anew what you keep. */
  | { readonly kind: 'service-back' };

/** The name of a kind of event. */
export type XenmgrEventKind = XenmgrEvent['kind'];

type Deliver = (event: XenmgrEvent) => void;
type Source = (xenmgr: Xenmgr, deliver: Deliver) => Promise<Subscription>;
type VmSignal =
  'vm_created' | 'vm_deleted' | 'vm_name_changed' | 'vm_config_changed' | 'vm_transfer_changed';

function vmSource(
  signal: VmSignal,
  kind: 'vm-created' | 'vm-deleted' | 'vm-renamed' | 'vm-config' | 'vm-transfer',
): Source {
  return (xenmgr, deliver) =>
    xenmgr.signals.on(signal, (...[uuid, path]) => deliver({ kind, uuid, path }));
}

/** Where each kind comes from. */
const SOURCES: Readonly<Record<XenmgrEventKind, Source>> = {
  'vm-created': vmSource('vm_created', 'vm-created'),
  'vm-deleted': vmSource('vm_deleted', 'vm-deleted'),
  'vm-renamed': vmSource('vm_name_changed', 'vm-renamed'),
  'vm-config': vmSource('vm_config_changed', 'vm-config'),
  'vm-transfer': vmSource('vm_transfer_changed', 'vm-transfer'),
  'vm-state': (xenmgr, deliver) =>
    xenmgr.signals.on('vm_state_changed', (uuid, path, state, acpiState) =>
      deliver({ kind: 'vm-state', uuid, path, state, acpiState }),
    ),
  'vm-attention': (xenmgr, deliver) =>
    xenmgr.guestRequests.signals.on('requested_attention', (uuid, path) =>
      deliver({ kind: 'vm-attention', uuid, path }),
    ),
  'cd-drive': (xenmgr, deliver) =>
    xenmgr.signals.on('cd_assignment_changed', (device, uuid) =>
      deliver({ kind: 'cd-drive', device, uuid: uuid === '' ? undefined : uuid }),
    ),
  config: (xenmgr, deliver) =>
    xenmgr.signals.on('config_changed', () => deliver({ kind: 'config' })),
  language: (xenmgr, deliver) =>
    xenmgr.signals.on('language_changed', () => deliver({ kind: 'language' })),
  'host-license': ({ host }, deliver) =>
    host.signals.on('license_changed', () => deliver({ kind: 'host-license' })),
  'host-state': ({ host }, deliver) =>
    host.signals.on('state_changed', (state) => deliver({ kind: 'host-state', state })),
  'host-storage-low': ({ host }, deliver) =>
    host.signals.on('storage_space_low', (percentFree) =>
      deliver({ kind: 'host-storage-low', percentFree }),
    ),
  'service-gone': (xenmgr, deliver) =>
    watchOwner(xenmgr, (isThere) => {
      if (!isThere) deliver({ kind: 'service-gone' });
    }),
  'service-back': (xenmgr, deliver) =>
    watchOwner(xenmgr, (isThere) => {
      if (isThere) deliver({ kind: 'service-back' });
    }),
};

/** All kinds of events. */
export const XENMGR_EVENT_KINDS: readonly XenmgrEventKind[] = Object.keys(SOURCES).filter(
  (kind): kind is XenmgrEventKind => kind in SOURCES,
);

/** Subscribes to some kinds; resolves when no event of theirs can be missed any more. */
export async function subscribeToEvents(
  xenmgr: Xenmgr,
  kinds: readonly XenmgrEventKind[],
  deliver: Deliver,
): Promise<Subscription> {
  const opened = await Promise.allSettled(kinds.map((kind) => SOURCES[kind](xenmgr, deliver)));
  const open = joined(opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
  const failed = opened.find((one) => one.status === 'rejected');
  if (failed === undefined) return open;
  open.close();
  throw failed.reason;
}

/** Tells when the service comes and goes, with its connection to the bus or ours. Who is there first is no news. */
async function watchOwner(
  { bus, busName }: Xenmgr,
  tell: (isThere: boolean) => void,
): Promise<Subscription> {
  let isFirst = true;
  return bus.watchName(busName, (owner) => {
    if (!isFirst) tell(owner !== undefined);
    isFirst = false;
  });
}

function joined(subscriptions: readonly Subscription[]): Subscription {
  return subscription(() => subscriptions.forEach((one) => one.close()));
}
