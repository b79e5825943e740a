/**
 * Starts a guest when its domain may run for the first time, holds it while the domain is paused, and ends it with the
 * domain. A guest that fails by a mistake of its own crashes its domain, and no more.
 */
import { AbortedError, hasCode } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import { kibFromPages } from '@xenops/core/units';
import type { XenStore } from '@xenops/core/xenstore';
import type { DomainRecord } from '../hypervisor/domain-record.ts';
import { isRunnable } from '../hypervisor/domain-record.ts';
import type { HypervisorModel } from '../hypervisor/hypervisor-model.ts';
import type { Guest, GuestMachine } from './guest.ts';
import { BOOT_CPU_TIME_NS } from './linux-guest.ts';
import { Latch } from './latch.ts';

export interface GuestRunnerOptions {
  readonly model: HypervisorModel;
  readonly clock: Clock;
  readonly guest: Guest;
  readonly print: (domid: number, text: string) => void;
  /** Opens the guest's end of xenstore; the domain has been introduced. */
  readonly openStore: (domid: number) => XenStore;
  readonly log: (text: string) => void;
}

/** A guest that has been started. */
interface Running {
  readonly domain: DomainRecord;
  readonly stop: AbortController;
  readonly mayRun: Latch;
  readonly introduced: Latch;
  ended: Promise<void>;
}

export class GuestRunner implements AsyncDisposable {
  readonly #options: GuestRunnerOptions;
  readonly #running = new Map<number, Running>();
  readonly #introduced = new Set<number>();
  readonly #listening: Disposable;

  constructor(options: GuestRunnerOptions) {
    this.#options = options;
    this.#listening = options.model.listen({
      domainException: () => undefined,
      runnableChanged: (domain) => this.#follow(domain),
      removed: ({ domid }) => {
        this.#introduced.delete(domid);
        this.#running.get(domid)?.stop.abort();
        this.#running.delete(domid);
      },
    });
  }

  /** The domain has a connection to xenstored from now on. */
  introduced(domid: number): void {
    this.#introduced.add(domid);
    this.#running.get(domid)?.introduced.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    const running = [...this.#running.values()];
    this.#running.clear();
    for (const { stop } of running) stop.abort();
    await Promise.all(running.map(({ ended }) => ended));
  }

  #follow(domain: DomainRecord): void {
    const known = this.#running.get(domain.domid);
    if (known === undefined) {
      if (isRunnable(domain)) this.#start(domain);
    } else if (isRunnable(domain)) {
      known.mayRun.open();
    } else {
      known.mayRun.close();
    }
  }

  #start(domain: DomainRecord): void {
    const running: Running = {
      domain,
      stop: new AbortController(),
      mayRun: new Latch(true),
      introduced: new Latch(this.#introduced.has(domain.domid)),
      ended: Promise.resolve(),
    };
    this.#running.set(domain.domid, running);
    running.ended = this.#run(running);
  }

  async #run(running: Running): Promise<void> {
    const { domid } = running.domain;
    try {
      await this.#options.guest(this.#machine(running));
    } catch (error) {
      if (running.stop.signal.aborted || hasCode(error, 'ABORTED', 'XENSTORE_CLOSED')) return;
      this.#options.log(`The simulated guest of domain ${domid} failed: ${String(error)}`);
      this.#options.model.shutdown(domid, 'crash');
    }
  }

  #machine({ domain, stop, mayRun, introduced }: Running): GuestMachine {
    const { model, clock, print, openStore } = this.#options;
    const { domid } = domain;
    const { signal } = stop;
    const gone = (): AbortedError => new AbortedError({ message: `Domain ${domid} is gone` });
    return {
      domid,
      cmdline: domain.guest?.cmdline ?? '',
      memoryKib: kibFromPages(domain.pages),
      vcpuCount: domain.maxVcpus,
      clock,
      signal,
      runnable: () => mayRun.wait(signal, gone),
      openStore: async () => {
        await introduced.wait(signal, gone);
        return openStore(domid);
      },
      print: (text) => print(domid, text),
      idle: () => model.becomeIdle(domain, BOOT_CPU_TIME_NS),
      shutdown: (reason) => {
        if (!signal.aborted) model.shutdown(domid, reason);
      },
    };
  }
}
