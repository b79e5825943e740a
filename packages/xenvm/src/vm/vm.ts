/**
 * One VM: its state, its configuration and the work on it. Everything that changes it goes through its queue, one thing at a time; the
 * state changes only by the table of `life/machine.ts`. What happened to the domain is never taken from an event but looked up in Xen when
 * its turn comes.
 */
import { domid as domidOf, type Domid, type VmUuid } from '@xenops/core/ids';
import {
  parseConfig,
  renderConfig,
  resolveNics,
  type Nic,
  type VmConfig,
} from '../config/index.ts';
import type { Logger } from '../daemon/log.ts';
import { installNext, stageConfig, type ConfigSlots } from '../life/config-slots.ts';
import { stageTimeoutMs } from '../life/deadlines.ts';
import { stepLife, type LifeEvent } from '../life/machine.ts';
import { decideReaction, guestEnd, type GuestEnd } from '../life/reaction.ts';
import { publishedState, WITHOUT_DOMAIN, type LifeState } from '../life/states.ts';
import { VmError } from '../life/vm-error.ts';
import type { EventLog } from '../notify/event-log.ts';
import { NOTIFICATION } from '../notify/notification.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { TaskProgress } from '../rpc/vm-port.ts';
import { domainSpec, type DomainSpec } from './domain-spec.ts';
import { executePlan } from './execute-plan.ts';
import { performStep } from './perform-step.ts';
import { planDestroy, planStart, renderPlan, type Plan, type Step } from './plan.ts';
import { decideRecovery } from './recovery.ts';
import { TaskQueue, type Work } from './task-queue.ts';
import type { FoundDomain, HostCall, VmHost } from './vm-host.ts';
import type { Underway, VmStore } from './vm-store.ts';

/** What a VM works with. */
export interface VmParts {
  readonly uuid: VmUuid;
  readonly host: VmHost;
  readonly store: VmStore;
  readonly events: EventLog;
  readonly notifier: Pick<Notifier, 'notify'>;
  readonly logger: Logger;
  readonly randomMac: () => string;
  /** The file as it is now, before a restart; undefined to go on with what there is. */
  readonly rereadConfig: () => Promise<VmConfig | undefined>;
  /** Called when a configuration comes into force. */
  readonly configInForce: (config: VmConfig) => void;
}

/** How an operation is called off, and whom to tell how far it is. */
export interface Operation {
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: TaskProgress) => void) | undefined;
}

export class Vm implements AsyncDisposable {
  readonly uuid: VmUuid;
  readonly host: VmHost;
  readonly queue: TaskQueue = new TaskQueue();
  readonly #parts: VmParts;
  #state: LifeState = 'shutdown';
  #detail: string | undefined;
  #domid: Domid | undefined;
  #slots: ConfigSlots;
  #nics: readonly Nic[] = [];
  #startedAtMs: number | undefined;
  #quickEnds = 0;
  #underway: Underway | undefined;
  #restart: Disposable | undefined;
  #hasRecord = false;

  constructor(parts: VmParts, config: VmConfig) {
    this.#parts = parts;
    this.uuid = parts.uuid;
    this.host = parts.host;
    this.#slots = { current: config };
    this.#resolveNics();
  }

  get logger(): Logger {
    return this.#parts.logger;
  }

  get state(): LifeState {
    return this.#state;
  }

  /** Of its domain; undefined without one. */
  get domid(): Domid | undefined {
    return this.#domid;
  }

  /** How a guest ended whose domain is preserved. */
  get detail(): string | undefined {
    return this.#detail;
  }

  get startedAtMs(): number | undefined {
    return this.#startedAtMs;
  }

  get config(): ConfigSlots {
    return this.#slots;
  }

  /** The interfaces of the current configuration, with numbers and addresses. */
  get nics(): readonly Nic[] {
    return this.#nics;
  }

  /** What its domain is made of, or would be at its next start. Throws VM_CONFIG_INCOMPLETE or VM_NOT_SUPPORTED. */
  spec(config: VmConfig = this.#slots.current): DomainSpec {
    const nics = config === this.#slots.current ? this.#nics : this.#resolved(config);
    return domainSpec(config, { uuid: this.uuid, nics });
  }

  /** The domid. Throws VM_WRONG_STATE without a domain. */
  getDomid(): Domid {
    if (this.#domid !== undefined) return this.#domid;
    throw new VmError('VM_WRONG_STATE', {
      message: `The VM has no domain: it is ${publishedState(this.#state)}`,
      context: { state: publishedState(this.#state), expected: 'created, running, paused' },
    });
  }

  setConfig(slots: ConfigSlots): void {
    this.#slots = slots;
    this.#parts.configInForce(slots.current);
    this.#publishFacts();
  }

  /** Changes the running guest's configuration and that of its next boot alike: a device came or went. */
  setCurrent(current: VmConfig, next: VmConfig): void {
    this.setConfig(this.#slots.next === undefined ? { current } : { current, next });
    this.#resolveNics();
    this.#publishFacts();
  }

  /** Tells of a change of state that is already done. */
  async changed(event: 'pause' | 'run'): Promise<void> {
    this.#happened(event);
    await this.save();
  }

  /** Takes over what its predecessor left, or finds. Whether there was anything: without it, `startup` decides. */
  async recover(operation: Operation): Promise<boolean> {
    const { store, logger } = this.#parts;
    const record = await store.load(this.uuid);
    const found = await this.host.findDomain(this.uuid);
    const recovery = decideRecovery(record, found);
    if (recovery.kind !== 'fresh')
      logger.log('info', `Found the VM ${record?.state ?? 'without a record'}: ${recovery.kind}`);
    if (record !== undefined) {
      this.#hasRecord = true;
      this.#state = record.state;
      this.#detail = record.detail;
      this.#domid = record.domid === undefined ? undefined : domidOf(record.domid);
      this.#startedAtMs = record.startedAtMs;
      this.#quickEnds = record.quickEnds;
      this.#recallConfig(record.current);
    }
    this.#domid = found?.domid ?? this.#domid;
    switch (recovery.kind) {
      case 'fresh':
        return false;
      case 'finish':
        await this.#recoverBy(recovery.plan, operation, recovery.first);
        return true;
      case 'abandon':
        await this.#recoverBy(planDestroy(), operation, 0);
        return true;
      case 'resume':
        await this.host.resume(this.getDomid());
        await this.host.removeFile(recovery.imagePath);
        break;
      case 'conclude':
        this.#happened(recovery.event);
        break;
      case 'gone':
        this.#happened('gone');
        break;
      case 'adopt':
      case 'keep':
        this.#publish();
        break;
    }
    await this.settle();
    return true;
  }

  /** Runs an operation when its turn comes. */
  run<T>(work: Work<T>): Promise<T> {
    return this.queue.run(work);
  }

  /** Something happened to its domain: looks when its turn comes. */
  noteChange(): void {
    this.queue
      .run({ name: 'look', overtakes: false, run: (signal) => this.#look({ signal }) })
      .catch((error: unknown) => {
        if (
          error instanceof VmError &&
          (error.code === 'VM_CLOSING' || error.code === 'VM_OVERTAKEN')
        )
          return;
        this.#parts.logger.log('error', 'Cannot see to a change of the domain', error);
      });
  }

  /** Runs a plan that somebody asked for: quick ends of earlier boots do not count any more. */
  async command(plan: Plan, operation: Operation): Promise<void> {
    this.#quickEnds = 0;
    await this.runPlan(plan, operation);
  }

  /** Runs a plan; afterwards the state is true, whatever happened. Rejects with the error of the step that failed. */
  async runPlan(
    plan: Plan,
    operation: Operation,
    { first = 0 }: { readonly first?: number } = {},
  ): Promise<void> {
    this.#restart?.[Symbol.dispose]();
    this.#parts.logger.log('debug', renderPlan(plan));
    try {
      await executePlan(plan, this.#driver(plan, operation), { signal: operation.signal, first });
    } catch (error) {
      this.#underway = undefined;
      await this.settle();
      throw error;
    }
    this.#underway = undefined;
    await this.save();
  }

  /** Publishes what Xen says, where that differs from what was thought. A guest that has ended is seen to afterwards. */
  async settle(): Promise<void> {
    const found = await this.host.findDomain(this.uuid);
    if (found === undefined) {
      const isFine = WITHOUT_DOMAIN.includes(this.#state);
      if (!isFine) this.#happened('gone');
    } else if (found.end !== undefined && found.end !== 'suspend') {
      this.#domid = found.domid;
      if (this.#state !== 'preserved') this.noteChange();
    } else {
      this.#domid = found.domid;
      this.#settleAlive(found);
    }
    await this.save();
  }

  /** Writes down what must survive us. */
  async save(): Promise<void> {
    const { store } = this.#parts;
    const isNothing =
      this.#state === 'shutdown' && this.#underway === undefined && this.#quickEnds === 0;
    if (isNothing) {
      if (this.#hasRecord) await store.remove(this.uuid);
      this.#hasRecord = false;
      return;
    }
    this.#hasRecord = true;
    await store.save(this.uuid, {
      state: this.#state,
      domid: this.#domid,
      startedAtMs: this.#startedAtMs,
      quickEnds: this.#quickEnds,
      detail: this.#detail,
      current: renderConfig(this.#slots.current, { withSecrets: true }),
      underway: this.#underway,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#restart?.[Symbol.dispose]();
    await this.queue[Symbol.asyncDispose]();
  }

  /** A plan that cannot be finished leaves a state that is true; the VM is served all the same. */
  async #recoverBy(plan: Plan, operation: Operation, first: number): Promise<void> {
    try {
      await this.runPlan(plan, operation, { first });
    } catch (error) {
      this.#parts.logger.log('error', `Cannot finish the ${plan.name} that was under way`, error);
    }
  }

  /** The guest goes on with what it was started with; the file waits for its next boot. */
  #recallConfig(text: string): void {
    const file = this.#slots.current;
    const isSame = renderConfig(file, { withSecrets: true }) === text;
    const recorded = parseConfig(text).config;
    this.setConfig(isSame ? { current: file } : stageConfig({ current: recorded }, file));
    this.#resolveNics();
  }

  #settleAlive({ isPaused }: FoundDomain): void {
    if (this.#state === 'created' && isPaused) return;
    const wanted = isPaused ? 'paused' : 'running';
    if (this.#state === wanted) this.#publishFacts();
    else this.#happened(isPaused ? 'pause' : 'run');
  }

  async #look(operation: Operation): Promise<void> {
    if (this.#domid === undefined) return;
    const found = await this.host.findDomain(this.uuid, this.#domid);
    if (found !== undefined && found.end === undefined) {
      this.#settleAlive(found);
      return;
    }
    if (this.#state === 'preserved' && found !== undefined) return;
    await this.#react(guestEnd(found?.end ?? 'gone'), operation);
  }

  /** A guest ended by itself, or its domain was taken away by somebody else. */
  async #react(end: GuestEnd, operation: Operation): Promise<void> {
    const { logger, notifier } = this.#parts;
    const livedMs =
      this.#startedAtMs === undefined ? 0 : this.host.clock.nowMs() - this.#startedAtMs;
    const actions = this.#slots.current;
    const reaction = decideReaction({ end, actions, livedMs, quickEnds: this.#quickEnds });
    logger.log(
      'info',
      `The guest has ended (${end}) after ${Math.round(livedMs / 1000)} s: ${reaction.action}`,
    );
    for (const error of reaction.errors) notifier.notify(NOTIFICATION.error, ['error', error]);
    this.#quickEnds = reaction.quickEnds;
    if (reaction.action === 'none') return;
    if (reaction.action === 'preserve' && end !== 'rebooted') {
      this.#detail = end;
      this.#happened('preserve');
      await this.save();
      return;
    }
    const after: LifeEvent = end === 'rebooted' ? 'rebooted' : 'gone';
    const destroy: Step = {
      action: { kind: 'destroy' },
      stage: 'destroy',
      after,
      recovery: 'finish',
    };
    await this.runPlan({ name: `end (${end})`, steps: [destroy] }, operation);
    if (reaction.action === 'restart') this.#restartAfter(reaction.delayMs);
    else if (reaction.action === 'destroy' && end === 'rebooted') {
      this.#happened('gone');
      await this.save();
    }
  }

  #restartAfter(delayMs: number): void {
    this.#restart = this.host.clock.startTimer(delayMs, () => {
      this.queue
        .run({ name: 'restart', overtakes: false, run: (signal) => this.#restartNow({ signal }) })
        .catch((error: unknown) => this.#parts.logger.log('error', 'Cannot restart the VM', error));
    });
  }

  async #restartNow(operation: Operation): Promise<void> {
    if (!WITHOUT_DOMAIN.includes(this.#state)) return;
    const fresh = await this.#parts.rereadConfig();
    if (fresh !== undefined) this.#slots = { current: this.#slots.current, next: fresh };
    await this.runPlan(planStart({ isPaused: false }), operation);
  }

  #driver(plan: Plan, operation: Operation): Parameters<typeof executePlan>[1] {
    return {
      clock: this.host.clock,
      timeoutMs: ({ stage }) => stageTimeoutMs(stage, this.#slots.current),
      mark: async (index, phase) => {
        this.#underway = { plan, index, phase };
        await this.save();
      },
      perform: (step, signal) => performStep(this, step, { ...operation, signal }),
      undo: (step) => this.#undo(step),
      happened: (event) => this.#happened(event),
    };
  }

  async #undo({ undo, action }: Step): Promise<void> {
    const found = await this.host.findDomain(this.uuid);
    if (found === undefined) return;
    switch (undo) {
      case 'destroy': {
        const timeoutMs = stageTimeoutMs('undo', this.#slots.current);
        await this.host.destroyDomain(found.domid, {
          signal: new AbortController().signal,
          timeoutMs,
        });
        return;
      }
      case 'pause':
        if (found.end === undefined) await this.host.pause(found.domid);
        return;
      case 'resume':
        if (found.end === 'suspend') await this.host.resume(found.domid);
        // A guest that runs on must never be started from its image again. One that ended otherwise has none.
        if (action.kind === 'save' && found.end === 'suspend')
          await this.host.removeFile(action.imagePath);
        return;
      case undefined:
    }
  }

  /** Makes its domain, with the configuration that waited for that. Rejects with VM_ALREADY_CREATED. */
  async create(call: HostCall): Promise<void> {
    const there = await this.host.findDomain(this.uuid);
    if (there !== undefined) {
      const state = publishedState(this.#state);
      throw new VmError('VM_ALREADY_CREATED', {
        message: `The VM has domain ${there.domid} already`,
        context: { domid: there.domid, state },
      });
    }
    if (this.#slots.next !== undefined) {
      this.setConfig(installNext(this.#slots));
      this.#resolveNics();
    }
    this.#domid = await this.host.createDomain(this.spec(), call);
    this.#startedAtMs = this.host.clock.nowMs();
    this.#publishFacts();
  }

  #happened(event: LifeEvent): void {
    const step = stepLife(this.#state, event);
    if (step.kind === 'denied') {
      this.#parts.logger.log(
        'error',
        `${event} cannot happen to a VM that is ${this.#state}; its state stays`,
      );
      return;
    }
    this.#state = step.state;
    for (const effect of step.effects) {
      switch (effect) {
        case 'forget-boot':
          this.#domid = undefined;
          this.#detail = undefined;
          break;
        case 'install-next-config':
          if (this.#slots.next !== undefined) this.setConfig(installNext(this.#slots));
          this.#resolveNics();
          break;
        case 'publish':
          this.#publish();
      }
    }
  }

  #publish(): void {
    this.#publishFacts();
    this.#parts.notifier.notify(NOTIFICATION.state, ['vm', 'state', publishedState(this.#state)]);
  }

  #publishFacts(): void {
    this.#parts.events.set('vm', {
      state: publishedState(this.#state),
      domid: this.#domid ?? null,
      detail: this.#detail ?? null,
      hasNextConfig: this.#slots.next !== undefined,
    });
  }

  #resolved(config: VmConfig): readonly Nic[] {
    return resolveNics(config.nics, { uuid: this.uuid, randomMac: this.#parts.randomMac });
  }

  /** Once for each boot, so that a drawn address stays as long as the guest. */
  #resolveNics(): void {
    this.#nics = this.#resolved(this.#slots.current);
  }
}
