/**
 * Starts a guest when its domain may run for the first time, holds it while the domain is paused, and ends it with the
 * domain. A guest that fails by a mistake of its own crashes its domain, and no more.
 */
import { hasCode } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import type { XenStore } from '@xenops/core/xenstore';
import { isRunnable, type DomainRecord } from '../hypervisor/domain-record.ts';
import type { XenState } from '../hypervisor/xen-state.ts';
import type { Guest } from './guest.ts';
import { guestName } from './guest-tempers.ts';
import { RunningGuest } from './running-guest.ts';

export interface GuestRunnerOptions {
  readonly xen: XenState;
  readonly clock: Clock;
  /** What plays a guest whose command line names none. */
  readonly guest: Guest;
  /** By the name in `sim.guest=`. */
  readonly guests: Readonly<Record<string, Guest>>;
  readonly print: (domid: number, text: string) => void;
  /** Opens the guest's end of xenstore; the domain has been introduced. */
  readonly openStore: (domid: number) => XenStore;
  readonly log: (text: string) => void;
}

export class GuestRunner implements AsyncDisposable {
  readonly #options: GuestRunnerOptions;
  readonly #running = new Map<DomainRecord, RunningGuest>();
  readonly #introduced = new Set<number>();
  readonly #listening: Disposable;

  constructor(options: GuestRunnerOptions) {
    this.#options = options;
    this.#listening = options.xen.listen({
      runnableChanged: (domain) => this.#follow(domain),
      resumed: (domain, { isCooperative }) =>
        this.#running.get(domain)?.wake(isCooperative ? 'cancelled' : 'resumed'),
      triggered: (domain, trigger) => this.#running.get(domain)?.trigger(trigger),
      removed: (domain) => {
        this.#introduced.delete(domain.domid);
        this.#running.get(domain)?.stop();
        this.#running.delete(domain);
      },
    });
  }

  /** The domain has a connection to xenstored from now on. */
  introduced(domid: number): void {
    this.#introduced.add(domid);
    const domain = this.#options.xen.domains.get(domid);
    if (domain !== undefined) this.#running.get(domain)?.introduced.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    const running = [...this.#running.values()];
    this.#running.clear();
    for (const guest of running) guest.stop();
    await Promise.all(running.map(({ ended }) => ended));
  }

  #follow(domain: DomainRecord): void {
    const known = this.#running.get(domain);
    if (known === undefined) {
      if (isRunnable(domain)) this.#start(domain);
    } else if (isRunnable(domain)) {
      known.mayRun.open();
    } else {
      known.mayRun.close();
    }
  }

  #start(domain: DomainRecord): void {
    const { xen, clock, print, openStore, guest, guests } = this.#options;
    const running = new RunningGuest({ xen, clock, print, openStore, domain });
    this.#running.set(domain, running);
    if (this.#introduced.has(domain.domid)) running.introduced.open();
    const script = guests[guestName(domain.guest?.cmdline ?? '') ?? ''] ?? guest;
    running.ended = this.#run(domain, running, script);
  }

  async #run(domain: DomainRecord, running: RunningGuest, script: Guest): Promise<void> {
    try {
      await script(running.machine);
    } catch (error) {
      if (running.signal.aborted || hasCode(error, 'ABORTED', 'XENSTORE_CLOSED')) return;
      this.#options.log(`The simulated guest of domain ${domain.domid} failed: ${String(error)}`);
      this.#options.xen.shutDown(domain, 'crash');
    }
  }
}
