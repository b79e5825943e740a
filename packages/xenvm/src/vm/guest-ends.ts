/** What follows when a guest ends by itself, or somebody else takes its domain away. */
import type { DomainEnd } from '@xenops/core/domain';
import type { VmConfig } from '../config/index.ts';
import type { LifeEvent } from '../life/machine.ts';
import { decideReaction, guestEnd, type GuestEnd } from '../life/reaction.ts';
import { WITHOUT_DOMAIN } from '../life/states.ts';
import { NOTIFICATION } from '../notify/notification.ts';
import type { SeenEnd } from './host-changes.ts';
import { destroyStep, planStart } from './plan.ts';
import type { Operation, Vm } from './vm.ts';

export class GuestEnds {
  readonly #vm: Vm;
  readonly #rereadConfig: () => Promise<VmConfig | undefined>;
  /** A restart that waits for its time. */
  #restart: Disposable | undefined;

  constructor(vm: Vm, rereadConfig: () => Promise<VmConfig | undefined>) {
    this.#vm = vm;
    this.#rereadConfig = rereadConfig;
  }

  callOffRestart(): void {
    this.#restart?.[Symbol.dispose]();
  }

  /** Looks at the domain, and reacts when the guest has ended. */
  async look(operation: Operation): Promise<void> {
    const vm = this.#vm;
    if (vm.domid === undefined) return;
    const found = await vm.host.findDomain(vm.uuid, vm.domid);
    if (found !== undefined && found.end === undefined) vm.settleAlive(found);
    else await this.#end(found?.end ?? 'gone', operation);
  }

  /** Reacts to what Xen has said of the domain just now: who listens hears of it before anything else is asked. */
  async see({ domid, end }: SeenEnd, operation: Operation): Promise<void> {
    if (domid === this.#vm.domid) await this.#end(end, operation);
    else await this.look(operation);
  }

  async #end(end: DomainEnd, operation: Operation): Promise<void> {
    if (this.#vm.state === 'preserved' && end !== 'gone') return;
    await this.#react(guestEnd(end), operation);
  }

  async #react(end: GuestEnd, operation: Operation): Promise<void> {
    const { facts, host, logger, config } = this.#vm;
    const livedMs = facts.startedAtMs === undefined ? 0 : host.clock.nowMs() - facts.startedAtMs;
    const reaction = decideReaction({
      ...{ end, livedMs, quickEnds: facts.quickEnds },
      actions: config.current,
    });
    logger.log(
      'info',
      `The guest has ended (${end}) after ${Math.round(livedMs / 1000)} s: ${reaction.action}`,
    );
    for (const error of reaction.errors) facts.notify(NOTIFICATION.error, ['error', error]);
    facts.quickEnds = reaction.quickEnds;
    if (reaction.action === 'none') return;
    if (reaction.action === 'preserve' && end !== 'rebooted') {
      facts.detail = end;
      facts.happened('preserve');
      await this.#vm.save();
      return;
    }
    const after: LifeEvent = end === 'rebooted' ? 'rebooted' : 'gone';
    await this.#vm.runPlan({ name: `end (${end})`, steps: [destroyStep(after)] }, operation);
    if (reaction.action === 'restart') this.#restartAfter(reaction.delayMs);
    else if (reaction.action === 'destroy' && end === 'rebooted') {
      facts.happened('gone');
      await this.#vm.save();
    }
  }

  #restartAfter(delayMs: number): void {
    const { host, queue, logger } = this.#vm;
    this.#restart = host.clock.startTimer(delayMs, () => {
      queue
        .run({ name: 'restart', overtakes: false, run: (signal) => this.#restartNow({ signal }) })
        .catch((error: unknown) => logger.log('error', 'Cannot restart the VM', error));
    });
  }

  async #restartNow(operation: Operation): Promise<void> {
    const vm = this.#vm;
    if (!WITHOUT_DOMAIN.includes(vm.state)) return;
    const next = await this.#rereadConfig();
    if (next !== undefined) vm.setConfig({ current: vm.config.current, next });
    await vm.runPlan(planStart({ isPaused: false }), operation);
  }
}
