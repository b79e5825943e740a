import type { Notification } from './notification.ts';

/** Where notifications go. Never blocks the VM, never throws; what cannot be delivered is counted. */
export interface NotifyTransport {
  send(notification: Notification): void;
  /** Notifications that were dropped so far. */
  readonly droppedCount: number;
  /** Resolves when everything sent before is delivered or dropped. */
  flush(): Promise<void>;
}

/** A listener as the `notify` key names it. */
export type NotifyTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'dbus' };
