/** What a front-end does next, by the states of both ends: what Linux's front-ends do (drivers/block/xen-blkfront.c and others). */
import { XENBUS, type XenbusState } from '@xenops/core/devices';

/** `offer` writes the rings and goes to this state. */
export type FrontendStep =
  | { readonly kind: 'none' }
  | { readonly kind: 'offer'; readonly state: XenbusState }
  | { readonly kind: 'go'; readonly state: XenbusState };

/** Kinds whose front-end is Connected as soon as it has offered its rings. */
const CONNECTS_AT_ONCE: ReadonlySet<string> = new Set(['vif']);
/** Kinds whose front-end offers its rings without waiting for the back-end. */
const OFFERS_AT_ONCE: ReadonlySet<string> = new Set(['vkbd', 'vfb', 'vkb', 'console', 'pci']);

const NONE: FrontendStep = { kind: 'none' };

export function nextFrontendStep(device: {
  readonly kind: string;
  readonly own: XenbusState | undefined;
  readonly backend: XenbusState | undefined;
}): FrontendStep {
  const { kind, own, backend } = device;
  if (own === undefined || own === XENBUS.closed) return NONE;
  if (backend === XENBUS.closing || backend === XENBUS.closed) {
    return { kind: 'go', state: XENBUS.closed };
  }
  if (own === XENBUS.initialising) {
    const mayOffer = OFFERS_AT_ONCE.has(kind) || backend === XENBUS.initWait;
    if (!mayOffer) return NONE;
    const isQuick = CONNECTS_AT_ONCE.has(kind);
    return { kind: 'offer', state: isQuick ? XENBUS.connected : XENBUS.initialised };
  }
  if (own === XENBUS.initialised && backend === XENBUS.connected) {
    return { kind: 'go', state: XENBUS.connected };
  }
  return NONE;
}
