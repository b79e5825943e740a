/**
 * Memory for starts. A start reserves what its VM needs before the domain is made and keeps the reservation until the
 * domain has its memory; what the growing domain has already is no longer counted as reserved. So no page is counted
 * twice, and starts build side by side: the lock is held only while room is looked for and made.
 */
import { planRoom, readGuestMemory, setMemoryTarget, waitForBalloon } from '@xenops/core/balloon';
import { hasCode } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import { domid as domidOf, type Domid } from '@xenops/core/ids';
import type { Logger } from '@xenops/core/daemon';
import type { Locks } from '../concurrency/locks.ts';
import { ManagerError } from '../manager/manager-error.ts';

const LOCK_TIMEOUT_MS = 120_000;
/** For guests to give what they were asked for. */
const BALLOON_TIMEOUT_MS = 30_000;

export interface MemoryRoomOptions {
  readonly host: Host;
  readonly locks: Locks;
  readonly log: Logger;
  /** The least that each running VM may be squeezed to, in KiB; one that is not in it keeps what it has. */
  readonly minimumKib: () => ReadonlyMap<Domid, number>;
}

export class MemoryRoom {
  readonly #options: MemoryRoomOptions;
  readonly #reserved = new Map<string, number>();
  /** What domains had before they were squeezed. */
  readonly #before = new Map<Domid, number>();

  constructor(options: MemoryRoomOptions) {
    this.#options = options;
  }

  /**
   * Makes room and keeps it for the VM until `release`. Rejects with ManagerError NOT_ENOUGH_MEMORY, whose
   * `context.missingKib` says how much there is too little, or TIMEOUT.
   */
  async reserve(uuid: string, neededKib: number, signal: AbortSignal): Promise<void> {
    using _lock = await this.#lock(uuid, signal);
    const { host, minimumKib } = this.#options;
    const plan = await planRoom(host, neededKib + (await this.#outstandingKib()), minimumKib());
    if (plan.kind === 'short') {
      throw new ManagerError('NOT_ENOUGH_MEMORY', {
        message: `There is too little memory to start the VM ${uuid}: ${plan.explanation.join('; ')}`,
        context: { uuid, neededKib, missingKib: plan.missingKib },
      });
    }
    await this.#squeeze(uuid, plan.steps, signal);
    this.#reserved.set(uuid, neededKib);
  }

  /** The start has its memory, or does not need it any more. */
  release(uuid: string): void {
    this.#reserved.delete(uuid);
  }

  /** Memory has become free: gives those back what they had who were squeezed, as far as it goes. */
  async giveBack(signal: AbortSignal): Promise<void> {
    if (this.#before.size === 0) return;
    using _lock = await this.#lock('giving memory back', signal);
    const { host } = this.#options;
    const { freeMemoryKib, outstandingMemoryKib } = await host.hypervisor.physInfo();
    let freeKib = freeMemoryKib - outstandingMemoryKib - (await this.#outstandingKib());
    for (const [domid, beforeKib] of this.#before) {
      const targetKib = await this.#targetKib(domid);
      if (targetKib === undefined || targetKib >= beforeKib) this.#before.delete(domid);
      else if (freeKib > 0) {
        const givenKib = Math.min(freeKib, beforeKib - targetKib);
        await setMemoryTarget(host, domid, targetKib + givenKib);
        freeKib -= givenKib;
        if (targetKib + givenKib >= beforeKib) this.#before.delete(domid);
      }
    }
  }

  #lock(owner: string, signal: AbortSignal): Promise<Disposable> {
    const { locks, host } = this.#options;
    const { clock } = host.services;
    return locks.acquire(['memory'], owner, { timeoutMs: LOCK_TIMEOUT_MS, signal, clock });
  }

  /** What starts under way have reserved and their domains do not have yet. */
  async #outstandingKib(): Promise<number> {
    if (this.#reserved.size === 0) return 0;
    const domains = await this.#options.host.hypervisor.listDomains();
    const hasKib = new Map(
      domains.map(({ uuid, memoryKib }): [string, number] => [uuid, memoryKib]),
    );
    return [...this.#reserved].reduce(
      (sum, [uuid, kib]) => sum + Math.max(0, kib - (hasKib.get(uuid) ?? 0)),
      0,
    );
  }

  async #squeeze(
    uuid: string,
    steps: readonly { readonly domid: number; readonly fromKib: number; readonly toKib: number }[],
    signal: AbortSignal,
  ): Promise<void> {
    const { host, log } = this.#options;
    const donors = steps.map((step) => ({ ...step, domid: domidOf(step.domid) }));
    const waiting = { timeoutMs: BALLOON_TIMEOUT_MS, signal };
    try {
      for (const { domid, fromKib, toKib } of donors) {
        log.log('info', `Domain ${domid} gives ${fromKib - toKib} KiB to the VM ${uuid}`);
        await setMemoryTarget(host, domid, toKib);
      }
      await Promise.all(donors.map(({ domid }) => waitForBalloon(host, domid, waiting)));
    } catch (cause) {
      const restores = donors.map(({ domid, fromKib }) => setMemoryTarget(host, domid, fromKib));
      for (const { status } of await Promise.allSettled(restores)) {
        if (status === 'rejected') log.log('warn', 'A domain could not be given its memory back');
      }
      throw new ManagerError('NOT_ENOUGH_MEMORY', {
        message: `There is too little memory to start the VM ${uuid}: other guests did not give theirs in time`,
        context: { uuid },
        cause,
      });
    }
    for (const { domid, fromKib } of donors) {
      this.#before.set(domid, Math.max(fromKib, this.#before.get(domid) ?? 0));
    }
  }

  async #targetKib(domid: Domid): Promise<number | undefined> {
    try {
      return (await readGuestMemory(this.#options.host, domid)).targetKib;
    } catch (error) {
      if (hasCode(error, 'DOMAIN_NOT_FOUND', 'DOMAIN_WRONG_STATE')) return undefined;
      throw error;
    }
  }
}
