/**
 * What a back-end does next, by the states of both ends: what Linux's back-ends do (drivers/block/xen-blkback/xenbus.c,
 * drivers/net/xen-netback/xenbus.c) and QEMU's.
 */
import { XENBUS, type XenbusState } from '@xenops/core/devices';

/** Kinds of Linux's own; the others are QEMU's. */
export const KERNEL_KINDS: ReadonlySet<string> = new Set(['vbd', 'vif', 'pci', 'vusb', 'vscsi']);

export interface BackendView {
  readonly kind: string;
  readonly own: XenbusState | undefined;
  /** Undefined when the front-end is gone. */
  readonly frontend: XenbusState | undefined;
  /** The hotplug script has done its part. */
  readonly isPlugged: boolean;
}

/** The state to go to; undefined to stay. */
export function nextBackendState({
  own,
  frontend,
  isPlugged,
}: BackendView): XenbusState | undefined {
  switch (own) {
    case XENBUS.initialising:
      return XENBUS.initWait;
    case XENBUS.initWait:
    case XENBUS.initialised: {
      if (isOver(frontend)) return XENBUS.closed;
      const isOffered = frontend === XENBUS.initialised || frontend === XENBUS.connected;
      return isOffered && isPlugged ? XENBUS.connected : undefined;
    }
    case XENBUS.connected:
      if (frontend === XENBUS.closing) return XENBUS.closing;
      return isOver(frontend) ? XENBUS.closed : undefined;
    case XENBUS.closing:
      // The toolstack, or the front-end, has begun the end.
      return isOver(frontend) ? XENBUS.closed : undefined;
    case XENBUS.closed:
      // A front-end that begins again, as after a resume.
      return frontend === XENBUS.initialising ? XENBUS.initWait : undefined;
    case undefined:
    case XENBUS.unknown:
    case XENBUS.reconfiguring:
    case XENBUS.reconfigured:
      return undefined;
  }
}

function isOver(frontend: XenbusState | undefined): boolean {
  return frontend === undefined || frontend === XENBUS.closed || frontend === XENBUS.unknown;
}

/** Nodes that a back-end adds when it has come up, and when it connects. */
export function backendKeys(
  kind: string,
  state: XenbusState,
): readonly (readonly [name: string, value: string])[] {
  if (state === XENBUS.initWait) return INIT_KEYS[kind] ?? [];
  return state === XENBUS.connected ? (CONNECT_KEYS[kind] ?? []) : [];
}

const BLOCK_INIT = [
  ['max-ring-page-order', '4'],
  ['feature-flush-cache', '1'],
] as const;
const BLOCK_CONNECT = [
  ['feature-persistent', '1'],
  ['sector-size', '512'],
  ['sectors', '8192'],
  ['info', '0'],
] as const;
const INIT_KEYS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  vbd: BLOCK_INIT,
  qdisk: BLOCK_INIT,
  vif: [
    ['feature-sg', '1'],
    ['feature-rx-copy', '1'],
    ['multi-queue-max-queues', '4'],
  ],
  '9pfs': [
    ['versions', '1'],
    ['max-rings', '1'],
    ['max-ring-page-order', '4'],
  ],
};
const CONNECT_KEYS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  vbd: BLOCK_CONNECT,
  qdisk: BLOCK_CONNECT,
};
