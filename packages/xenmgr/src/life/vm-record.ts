/** What the manager knows of one VM while it runs itself; everything else is in the database or with the monitor. */
import type { Clock } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import type { EventQueue } from '../concurrency/event-queue.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { MonitorState } from '../monitor/monitors.ts';
import { Operations } from './operations.ts';
import { isAlive, PRE_CREATE, UNSERVED } from './states.ts';
import type { VmEvent } from './vm-events.ts';

/** Why a VM is off. */
export type ShutdownReason = 'creation-failure' | 'halt' | 'reboot' | 'hibernate' | 'acpi-poweroff';

export class VmRecord {
  readonly uuid: string;
  readonly operations: Operations;
  readonly queue: EventQueue<VmEvent>;
  /** What the guest last said of its power: 0, 3, 4 or 5; undefined for nothing. */
  acpi: number | undefined;
  /** Whether what it says next of its power is what it said to an earlier manager: nothing follows from it then. */
  isAcpiOld = false;
  shutdownReason: ShutdownReason = 'halt';
  /** Whether somebody wants it off: it is not kept alive then. */
  isStopWanted = false;
  /** When it last began to run, and how often it has ended too soon after that. */
  runningSinceMs: number | undefined;
  quickEnds = 0;
  /** The wait before it is started again to be kept alive. */
  restart: Disposable | undefined;
  /** Hooks run one after the other. */
  hooks: Promise<void> = Promise.resolve();
  hooksWaiting = 0;
  /** What the guest said last and nobody has looked at yet: it may say it as often as it likes. */
  clockOffsetSeconds: number | undefined;
  hasUnreadAddons = false;
  readonly #listeners = new Set<() => void>();
  #monitor: MonitorState = UNSERVED;
  #isStarting = false;
  #isKnown = false;
  /** The number of its domain, also right after that has gone. */
  #lastDomid = -1;

  constructor(uuid: string, queue: EventQueue<VmEvent>) {
    this.uuid = uuid;
    this.operations = new Operations(uuid);
    this.queue = queue;
  }

  /** Its state inside. */
  get internal(): string {
    const { status } = this.#monitor;
    return this.#isStarting && !isAlive(status) ? PRE_CREATE : status;
  }

  /** What its monitor says. */
  get monitor(): MonitorState {
    return this.#monitor;
  }

  get domid(): number {
    return this.#monitor.domid;
  }

  get lastDomid(): number {
    return this.#lastDomid;
  }

  /** Whether it has a domain, or is about to have one. */
  get isAlive(): boolean {
    return isAlive(this.internal);
  }

  /** Takes what the monitor says. */
  setMonitor(state: MonitorState): void {
    this.#change(() => {
      this.#isKnown = true;
      this.#monitor = state;
      if (state.domid >= 0) this.#lastDomid = state.domid;
      if (isAlive(state.status)) this.#isStarting = false;
    });
  }

  /** A start begins (`pre-create`), or has come to its end. */
  setStarting(isStarting: boolean): void {
    this.#change(() => {
      this.#isStarting = isStarting;
      if (isStarting) this.#lastDomid = -1;
    });
  }

  /** Takes the first thing that the monitor says of a VM that was there before us: nothing has happened to it. */
  adopt(state: MonitorState): void {
    this.#isKnown = true;
    this.#monitor = state;
    this.#lastDomid = state.domid;
    this.isAcpiOld = this.isAlive;
    this.changed();
  }

  /** Whether its monitor has said anything yet, or we have had it start. */
  get isKnown(): boolean {
    return this.#isKnown || this.#isStarting;
  }

  /** Passes an event on to its reactions. */
  post(event: VmEvent): boolean {
    return this.queue.post(event);
  }

  /** Resolves once `isThere`, which is asked now and after each change. Rejects with ManagerError TIMEOUT, or ABORTED. */
  async waitUntil(
    isThere: () => boolean,
    what: string,
    options: {
      readonly timeoutMs: number;
      readonly clock: Clock;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<void> {
    const thing = { what: `the VM ${this.uuid} ${what}`, lastState: () => this.internal };
    try {
      await withDeadline(thing, options, (signal) => this.#waitFor(isThere, signal));
    } catch (error) {
      if (options.signal?.aborted === true) throw error;
      throw new ManagerError('TIMEOUT', {
        message: `The VM ${this.uuid} is ${this.internal}; it was waited for in vain ${what}`,
        context: { uuid: this.uuid, state: this.internal },
        cause: error,
      });
    }
  }

  /** Tells those who wait that something else than its state has changed. */
  changed(): void {
    this.#change(() => undefined);
  }

  #waitFor(isThere: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isThere() && !signal.aborted) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  /** A change of state, however it comes, is an event. */
  #change(act: () => void): void {
    const before = this.internal;
    act();
    if (this.internal !== before) {
      this.post({ kind: 'state', internal: this.internal, domid: this.#monitor.domid, before });
    }
    for (const listener of [...this.#listeners]) listener();
  }
}
