/** One guest under way: its domain's hardware as the script sees it, and the gates that hold it. */
import { AbortedError } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import type { Trigger } from '@xenops/core/hypervisor';
import { kibFromPages, pagesFromKibDown } from '@xenops/core/units';
import type { XenStore } from '@xenops/core/xenstore';
import { giveBack, populateUpTo } from '../hypervisor/domain-memory.ts';
import type { DomainRecord } from '../hypervisor/domain-record.ts';
import type { XenState } from '../hypervisor/xen-state.ts';
import type { GuestMachine, WokenBy } from './guest.ts';
import { guestRings } from './guest-rings.ts';
import { Latch } from './latch.ts';

export interface RunningGuestOptions {
  readonly xen: XenState;
  readonly clock: Clock;
  readonly domain: DomainRecord;
  readonly print: (domid: number, text: string) => void;
  readonly openStore: (domid: number) => XenStore;
}

/** Cpu time that a boot takes, for whoever looks at the domain. */
const BOOT_CPU_TIME_NS = 400_000_000n;

export class RunningGuest {
  readonly mayRun: Latch = new Latch(true);
  readonly introduced: Latch = new Latch(false);
  readonly machine: GuestMachine;
  ended: Promise<void> = Promise.resolve();
  readonly #options: RunningGuestOptions;
  readonly #stop = new AbortController();
  readonly #triggered = new Set<(trigger: Trigger) => void>();
  #wake: (wokenBy: WokenBy) => void = () => undefined;

  constructor(options: RunningGuestOptions) {
    this.#options = options;
    this.machine = this.#makeMachine();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** The domain runs again after it had suspended. */
  wake(wokenBy: WokenBy): void {
    this.#wake(wokenBy);
  }

  trigger(trigger: Trigger): void {
    for (const listener of this.#triggered) listener(trigger);
  }

  #gone(): AbortedError {
    return new AbortedError({ message: `Domain ${this.#options.domain.domid} is gone` });
  }

  #makeMachine(): GuestMachine {
    const { domain, clock, print, openStore, xen } = this.#options;
    const { domid, guestType, maxVcpus, guest } = domain;
    const signal = this.#stop.signal;
    const gone = (): AbortedError => this.#gone();
    return {
      domid,
      guestType,
      cmdline: guest?.cmdline ?? '',
      start: guest?.start ?? 'boot',
      vcpuCount: maxVcpus,
      clock,
      signal,
      rings: guestRings(xen, domain, { signal, gone }),
      get memoryKib() {
        return kibFromPages(domain.pages);
      },
      get saved() {
        return domain.guest?.state;
      },
      set saved(state: unknown) {
        if (domain.guest !== undefined) domain.guest.state = state;
      },
      runnable: () => this.mayRun.wait(signal, gone),
      sleep: (timeMs) => this.#sleep(timeMs),
      openStore: async () => {
        await this.introduced.wait(signal, gone);
        return openStore(domid);
      },
      print: (text) => print(domid, text),
      idle: () => this.#idle(),
      shutdown: (reason) => {
        if (!signal.aborted) xen.shutDown(domain, reason);
      },
      suspend: () => this.#suspend(),
      setMemory: (memoryKib) => this.#setMemory(memoryKib),
      onTrigger: (listener) => {
        this.#triggered.add(listener);
        return { [Symbol.dispose]: () => void this.#triggered.delete(listener) };
      },
    };
  }

  #idle(): void {
    const { domain } = this.#options;
    domain.onlineVcpuCount = domain.maxVcpus;
    domain.isIdle = true;
    domain.cpuTimeNs += BOOT_CPU_TIME_NS;
    // Its balloon driver has given back what is populated on demand beyond what there is.
    domain.pod = { cachePages: 0, entryPages: 0 };
  }

  async #suspend(): Promise<WokenBy> {
    const { domain, xen } = this.#options;
    const { signal } = this.#stop;
    if (signal.aborted) throw this.#gone();
    const woken = new Promise<WokenBy>((resolve, reject) => {
      const onGone = (): void => reject(this.#gone());
      signal.addEventListener('abort', onGone, { once: true });
      this.#wake = (wokenBy) => {
        signal.removeEventListener('abort', onGone);
        resolve(wokenBy);
      };
    });
    xen.shutDown(domain, 'suspend');
    const wokenBy = await woken;
    await this.mayRun.wait(signal, () => this.#gone());
    return wokenBy;
  }

  async #sleep(timeMs: number): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) throw this.#gone();
    await new Promise<void>((resolve, reject) => {
      const onGone = (): void => {
        timer[Symbol.dispose]();
        reject(this.#gone());
      };
      const timer = this.#options.clock.startTimer(timeMs, () => {
        signal.removeEventListener('abort', onGone);
        resolve();
      });
      signal.addEventListener('abort', onGone, { once: true });
    });
  }

  #setMemory(memoryKib: number): number {
    const { domain, xen } = this.#options;
    const wanted = Math.max(0, pagesFromKibDown(memoryKib));
    if (this.#stop.signal.aborted) return 0;
    if (wanted > domain.pages) populateUpTo(xen, domain, wanted - domain.pages);
    else giveBack(xen, domain, domain.pages - wanted);
    return kibFromPages(domain.pages);
  }
}
