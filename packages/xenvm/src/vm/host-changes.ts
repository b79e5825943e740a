/**
 * Which domains of a host had something happen to them, for as long as one wants to know. A stream of events that breaks,
 * because xenstored or the hypervisor failed us, is opened anew, and everything is looked at again then.
 */
import type { DomainEnd } from '@xenops/core/domain';
import { HostEvents, type HostEvent } from '@xenops/core/events';
import type { Host } from '@xenops/core/host';
import type { Domid, VmUuid } from '@xenops/core/ids';

/** The pause before the first attempt to open the stream again, doubled for each further one up to the maximum. */
const FIRST_DELAY_MS = 200;
const DELAY_MAX_MS = 10_000;

/** How a domain came to an end, by a listing of all. */
export interface SeenEnd {
  readonly domid: Domid;
  readonly end: DomainEnd;
}

/** Who wants to know. */
export interface HostChangeListener {
  /** A domain of this VM came to an end. Called in the very turn in which it was seen. */
  readonly onEnd: (uuid: VmUuid, seen: SeenEnd) => void;
  /** A guest set its clock: seconds from UTC. */
  readonly onClock?: (uuid: VmUuid, offsetSeconds: number) => void;
  /** Anything may have happened. */
  readonly onResync: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** See the module comment. */
export class HostChanges implements AsyncDisposable {
  readonly #host: Host;
  readonly #listener: HostChangeListener;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  #events: HostEvents;

  private constructor(host: Host, listener: HostChangeListener, events: HostEvents) {
    this.#host = host;
    this.#listener = listener;
    this.#events = events;
    this.#following = this.#follow();
  }

  /** Begins. Rejects when the first stream cannot be opened. */
  static async open(host: Host, listener: HostChangeListener): Promise<HostChanges> {
    return new HostChanges(host, listener, await openEvents(host));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#events[Symbol.asyncDispose]();
    await this.#following;
  }

  #isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  async #follow(): Promise<void> {
    while (!this.#isOver()) {
      try {
        for await (const event of this.#events) this.#see(event);
      } catch (error) {
        this.#listener.onFailure(error);
        await this.#reopen();
      }
    }
  }

  #see(event: HostEvent): void {
    const { onEnd } = this.#listener;
    if (event.kind === 'shutdown') onEnd(event.uuid, { domid: event.domid, end: event.reason });
    else if (event.kind === 'released') onEnd(event.uuid, { domid: event.domid, end: 'gone' });
    else if (event.kind === 'rtc') this.#listener.onClock?.(event.uuid, event.offsetSeconds);
    else if (event.kind === 'resync') this.#listener.onResync();
  }

  async #reopen(): Promise<void> {
    // What is broken may not even close.
    await this.#events[Symbol.asyncDispose]().catch(() => undefined);
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, DELAY_MAX_MS)) {
      await this.#pause(delayMs);
      if (this.#isOver()) return;
      try {
        const events = await openEvents(this.#host);
        this.#events = events;
        if (this.#isOver()) await events[Symbol.asyncDispose]();
        else this.#listener.onResync();
        return;
      } catch {
        // Said when it broke; it is tried until it works or nobody wants it.
      }
    }
  }

  /** Resolves after the time, or when nobody wants to know any more. */
  async #pause(delayMs: number): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#host.services.clock.startTimer(delayMs, done);
      signal.addEventListener('abort', done);
    });
  }
}

const openEvents = (host: Host): Promise<HostEvents> => HostEvents.open(host, { devices: false });
