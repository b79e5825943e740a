/**
 * Event channels on libxenevtchn. A thread of the addon hears of a port that was notified, which the kernel has masked by then; it stays
 * so until somebody waits for it, and a guest that notifies without end costs nothing in between.
 */
import { AbortedError, HypervisorError } from '@xenops/core/errors';
import { evtchn, type Domid, type Evtchn } from '@xenops/core/ids';
import type { EventChannels } from '@xenops/core/hypervisor';
import type { Addon } from './addon.ts';
import type { EvtchnHandle } from './addon-rings.ts';
import { attempt, onDomain, onHost, type Deed, type Verbs } from './connection.ts';

/** Who waits for a port, and whether it has been notified while nobody did. */
interface Port {
  readonly waiters: Set<PromiseWithResolvers>;
  isPending: boolean;
}

interface PromiseWithResolvers {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** In place of a port: the device has failed. */
const BROKEN = 0;

export class NativeEventChannels implements Verbs<EventChannels, 'wait'> {
  readonly #addon: Addon;
  readonly #ports = new Map<number, Port>();
  readonly #onClose: () => void;
  #handle: EvtchnHandle | undefined;
  #waiterCount = 0;

  /** Opens the device. `onClose` is told when it is closed. Throws HypervisorError. */
  constructor(addon: Addon, onClose: () => void) {
    this.#addon = addon;
    this.#onClose = onClose;
    this.#handle = attempt(onHost('open the event channel device'), () =>
      addon.openEventChannels((port) => {
        this.#onPort(port);
      }),
    );
  }

  bindInterdomain(remote: Domid, remotePort: Evtchn): Evtchn {
    const deed = onDomain(`bind to event channel ${remotePort} of`, remote, { remotePort });
    return this.#bind(deed, (handle) => this.#addon.bindInterdomain(handle, remote, remotePort));
  }

  bindUnbound(remote: Domid): Evtchn {
    const deed = onDomain('offer an event channel to', remote);
    return this.#bind(deed, (handle) => this.#addon.bindUnbound(handle, remote));
  }

  notify(port: Evtchn): void {
    const deed = onPort('notify', port);
    this.#call(deed, (handle) => {
      this.#portOf(port, deed);
      this.#addon.notifyPort(handle, port);
    });
  }

  unbind(port: Evtchn): void {
    const deed = onPort('unbind', port);
    this.#call(deed, (handle) => {
      this.#portOf(port, deed);
      this.#addon.unbindPort(handle, port);
    });
    this.#forget(port, closedError(`wait for event channel ${port}`));
  }

  async wait(port: Evtchn, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const deed = onPort('wait for', port);
    const handle = this.#open(deed);
    const state = this.#portOf(port, deed);
    if (signal?.aborted === true) throw calledOff(deed, signal);
    if (state.isPending) {
      state.isPending = false;
      this.#unmask(handle, port);
      return;
    }
    await this.#waitOn(state, deed, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#handle = undefined;
    this.#addon.closeEventChannels(handle);
    this.#forgetAll(closedError('wait for an event channel'));
    this.#onClose();
  }

  async #waitOn(state: Port, deed: Deed, signal: AbortSignal | undefined): Promise<void> {
    let onAbort = (): void => undefined;
    this.#hold(1);
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter = { resolve, reject };
        state.waiters.add(waiter);
        onAbort = (): void => {
          if (signal !== undefined && state.waiters.delete(waiter)) {
            reject(calledOff(deed, signal));
          }
        };
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#hold(-1);
    }
  }

  /** A message of the thread: a port, which may be unbound by now. */
  #onPort(port: number): void {
    if (port === BROKEN) {
      this.#forgetAll(brokenError());
      return;
    }
    const state = this.#ports.get(port);
    const handle = this.#handle;
    if (state === undefined || handle === undefined) return;
    if (state.waiters.size === 0) {
      state.isPending = true;
      return;
    }
    const waiters = [...state.waiters];
    state.waiters.clear();
    try {
      this.#unmask(handle, port);
      for (const { resolve } of waiters) resolve();
    } catch (error) {
      for (const { reject } of waiters) reject(error);
    }
  }

  #bind(deed: Deed, bind: (handle: EvtchnHandle) => number): Evtchn {
    const port = evtchn(this.#call(deed, bind));
    this.#ports.set(port, { waiters: new Set(), isPending: false });
    return port;
  }

  /** Throws HYPERVISOR_BAD_ARGUMENT for a port that is not bound by this object. */
  #portOf(port: Evtchn, { what, context }: Deed): Port {
    const state = this.#ports.get(port);
    if (state !== undefined) return state;
    throw new HypervisorError('HYPERVISOR_BAD_ARGUMENT', {
      message: `Cannot ${what}: it is not bound here`,
      context,
    });
  }

  #unmask(handle: EvtchnHandle, port: number): void {
    attempt(onHost(`unmask event channel ${port}`, { port }), () => {
      this.#addon.unmaskPort(handle, port);
    });
  }

  #forgetAll(error: HypervisorError): void {
    for (const port of [...this.#ports.keys()]) this.#forget(port, error);
  }

  #forget(port: number, error: HypervisorError): void {
    const state = this.#ports.get(port);
    this.#ports.delete(port);
    for (const { reject } of state?.waiters ?? []) reject(error);
  }

  /** The process lives as long as somebody waits. */
  #hold(change: 1 | -1): void {
    const wasHeld = this.#waiterCount > 0;
    this.#waiterCount += change;
    const isHeld = this.#waiterCount > 0;
    if (this.#handle !== undefined && wasHeld !== isHeld) {
      this.#addon.keepAliveForEvents(this.#handle, isHeld);
    }
  }

  #call<T>(deed: Deed, call: (handle: EvtchnHandle) => T): T {
    const handle = this.#open(deed);
    return attempt(deed, () => call(handle));
  }

  #open({ what }: Deed): EvtchnHandle {
    if (this.#handle === undefined) throw closedError(what);
    return this.#handle;
  }
}

function onPort(verb: string, port: Evtchn): Deed {
  return onHost(`${verb} event channel ${port}`, { port });
}

function closedError(what: string): HypervisorError {
  return new HypervisorError('HYPERVISOR_UNAVAILABLE', {
    message: `Cannot ${what}: it has been closed here`,
  });
}

function brokenError(): HypervisorError {
  return new HypervisorError('HYPERVISOR_CALL_FAILED', {
    message: 'Cannot wait for an event channel: the event channel device has failed',
    context: { call: 'xenevtchn_pending' },
  });
}

function calledOff({ what, context }: Deed, signal: AbortSignal): AbortedError {
  return new AbortedError({ message: `Called off: ${what}`, context, cause: signal.reason });
}
