/**
 * One VM: its state, its configuration and the work on it. Everything that changes it goes through its queue, one thing at a time; the
 * state changes only by the table of `life/machine.ts`. What happened to the domain is never taken from an event that had to wait but looked up
 * in Xen when its turn comes.
 */
import type { Logger } from '@xenops/core/daemon';
import type { Domid, VmUuid } from '@xenops/core/ids';
import { guestTypeOf, type Nic, type VmConfig } from '../config/index.ts';
import type { ConfigSlots } from '../life/config-slots.ts';
import { stageTimeoutMs } from '../life/deadlines.ts';
import { hasDomain, publishedState, WITHOUT_DOMAIN, type LifeState } from '../life/states.ts';
import { VmError } from '../life/vm-error.ts';
import { NOTIFICATION } from '../notify/notification.ts';
import type { TaskProgress } from '../rpc/vm-port.ts';
import { ConfigKeeper, type ConfigKeeperOptions } from './config-keeper.ts';
import type { DomainSpec } from './domain-spec.ts';
import { executePlan } from './execute-plan.ts';
import { GuestFollower } from './guest-follower.ts';
import { GuestEnds } from './guest-ends.ts';
import { performStep } from './perform-step.ts';
import { renderPlan, type Plan } from './plan.ts';
import { recoverVm } from './recover-vm.ts';
import { TaskQueue, type Work } from './task-queue.ts';
import { undoStep } from './undo-step.ts';
import { giveDisksBack } from './vm-disks.ts';
import { VmFacts, type FactsParts } from './vm-facts.ts';
import type { SeenEnd } from './host-changes.ts';
import type { FoundDomain, HostCall, VmHost } from './vm-host.ts';

/** What a VM works with. */
export interface VmParts extends FactsParts, ConfigKeeperOptions {
  readonly uuid: VmUuid;
  readonly host: VmHost;
  /** The file as it is now, before a restart; undefined to go on with what there is. */
  readonly rereadConfig: () => Promise<VmConfig | undefined>;
  /** A plan, or a look at the guest, has come to its end, good or bad. */
  readonly onWorkEnd?: (() => void) | undefined;
}

/** How an operation is called off, and whom to tell how far it is. */
export interface Operation {
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: TaskProgress) => void) | undefined;
}

export class Vm implements AsyncDisposable {
  readonly uuid: VmUuid;
  readonly host: VmHost;
  readonly logger: Logger;
  readonly queue: TaskQueue = new TaskQueue();
  readonly facts: VmFacts;
  readonly configs: ConfigKeeper;
  readonly #ends: GuestEnds;
  readonly #follower: GuestFollower;
  readonly #onWorkEnd: () => void;

  constructor(parts: VmParts, config: VmConfig) {
    const { uuid, host, logger } = parts;
    this.uuid = uuid;
    this.host = host;
    this.logger = logger;
    this.#onWorkEnd = parts.onWorkEnd ?? (() => undefined);
    this.configs = new ConfigKeeper(parts, config);
    this.facts = new VmFacts(parts, this.configs);
    this.#follower = new GuestFollower({ uuid, host, logger, facts: this.facts });
    this.#ends = new GuestEnds(this, parts.rereadConfig);
  }

  get state(): LifeState {
    return this.facts.state;
  }

  /** Of its domain; undefined without one. */
  get domid(): Domid | undefined {
    return this.facts.domid;
  }

  /** How a guest ended whose domain is preserved. */
  get detail(): string | undefined {
    return this.facts.detail;
  }

  get startedAtMs(): number | undefined {
    return this.facts.startedAtMs;
  }

  get config(): ConfigSlots {
    return this.configs.slots;
  }

  /** The interfaces of the current configuration, with numbers and addresses. */
  get nics(): readonly Nic[] {
    return this.configs.nics;
  }

  /** What its domain is made of, or would be at its next start. Throws VM_CONFIG_INCOMPLETE or VM_NOT_SUPPORTED. */
  spec(config?: VmConfig): DomainSpec {
    return this.configs.spec(config);
  }

  /** The domid. Throws VM_WRONG_STATE without a domain. */
  getDomid(): Domid {
    if (this.domid !== undefined) return this.domid;
    throw new VmError('VM_WRONG_STATE', {
      message: `The VM has no domain: it is ${publishedState(this.state)}`,
      context: { state: publishedState(this.state), expected: 'created, running, paused' },
    });
  }

  setConfig(slots: ConfigSlots): void {
    this.configs.set(slots);
    this.facts.publishFacts();
    this.#follow();
  }

  /** Changes the running guest's configuration and that of its next boot alike: a device came or went. */
  changeConfigs(change: (config: VmConfig) => VmConfig): void {
    const { current, next } = this.config;
    this.setConfig({
      current: change(current),
      ...(next === undefined ? {} : { next: change(next) }),
    });
    this.configs.resolveNics();
    this.facts.publishFacts();
  }

  /** Tells of a change of state that is already done. */
  async changed(event: 'pause' | 'run'): Promise<void> {
    this.facts.happened(event);
    if (event === 'run') await this.markRunning();
    await this.save();
  }

  /**
   * The guest has run: from here on its disks are no longer those of an image. It runs on should that not be written down; its changes are then
   * kept once more than they need be.
   */
  async markRunning(): Promise<void> {
    const timeoutMs = stageTimeoutMs('create', this.config.current);
    const { signal } = new AbortController();
    try {
      await this.host.markDisksRunning(this.uuid, { signal, timeoutMs });
    } catch (error) {
      this.logger.log('error', 'Cannot write down that the guest runs on its disks', error);
    }
  }

  /** The guest has set its clock: the next boot has it as it was left. */
  noteClock(timeOffsetSeconds: number): void {
    const { current } = this.config;
    const isOurs = hasDomain(this.state) && guestTypeOf(current) === 'hvm';
    if (!isOurs || current.timeOffsetSeconds === timeOffsetSeconds) return;
    this.changeConfigs((config) => ({ ...config, timeOffsetSeconds }));
    this.facts.notify(NOTIFICATION.vmSet, ['rtc', String(timeOffsetSeconds)]);
    this.#background('note the clock', () => this.save());
  }

  /** Takes over what its predecessor left, or finds. Whether there was anything: without it, `startup` decides. */
  recover(operation: Operation): Promise<boolean> {
    return recoverVm(this, operation);
  }

  /** Runs an operation when its turn comes. */
  run<T>(work: Work<T>): Promise<T> {
    return this.queue.run(work);
  }

  /** Its domain was just seen to have ended. What was seen counts when it is acted on at once, and not when other work comes before. */
  noteEnd(seen: SeenEnd): void {
    if (this.queue.isIdle) {
      this.#background('look', (signal) => this.#ends.see(seen, { signal }));
    } else {
      this.noteChange();
    }
  }

  /** Something happened to its domain: looks when its turn comes. */
  noteChange(): void {
    this.#background('look', (signal) => this.#ends.look({ signal }));
  }

  /** Runs a plan that somebody asked for: quick ends of earlier boots do not count any more. */
  async command(plan: Plan, operation: Operation): Promise<void> {
    this.facts.quickEnds = 0;
    await this.runPlan(plan, operation);
  }

  /** Runs a plan; afterwards the state is true, whatever happened. Rejects with the error of the step that failed. */
  async runPlan(
    plan: Plan,
    operation: Operation,
    { first = 0 }: { readonly first?: number } = {},
  ): Promise<void> {
    this.#ends.callOffRestart();
    this.logger.log('debug', renderPlan(plan));
    try {
      await executePlan(plan, this.#driver(plan, operation), { signal: operation.signal, first });
      this.facts.underway = undefined;
      await this.save();
    } catch (error) {
      this.facts.underway = undefined;
      await this.settle();
      throw error;
    } finally {
      this.#onWorkEnd();
    }
    this.#follow();
  }

  /** Publishes what Xen says, where that differs from what was thought. A guest that has ended is seen to afterwards. */
  async settle(): Promise<void> {
    const found = await this.host.findDomain(this.uuid);
    if (found === undefined) {
      const isFine = WITHOUT_DOMAIN.includes(this.state);
      if (!isFine) {
        this.facts.happened('gone');
        await giveDisksBack(this, { isKept: false });
      }
    } else if (found.end !== undefined && found.end !== 'suspend') {
      this.facts.domid = found.domid;
      if (this.state !== 'preserved') this.noteChange();
    } else {
      this.facts.domid = found.domid;
      this.settleAlive(found);
    }
    await this.save();
    this.#follow();
  }

  settleAlive({ isPaused }: FoundDomain): void {
    if (this.state === 'created' && isPaused) return;
    const wanted = isPaused ? 'paused' : 'running';
    if (this.state === wanted) this.facts.publishFacts();
    else this.facts.happened(isPaused ? 'pause' : 'run');
  }

  /** Writes down what must survive us. */
  save(): Promise<void> {
    return this.facts.save();
  }

  /** Makes its domain, with the configuration that waited for that. Rejects with VM_ALREADY_CREATED. */
  async create(call: HostCall): Promise<void> {
    const there = await this.host.findDomain(this.uuid);
    if (there !== undefined) {
      const state = publishedState(this.state);
      throw new VmError('VM_ALREADY_CREATED', {
        message: `The VM has domain ${there.domid} already`,
        context: { domid: there.domid, state },
      });
    }
    if (this.config.next !== undefined) this.configs.install();
    this.facts.domid = await this.host.createDomain(this.spec(), call);
    this.facts.startedAtMs = this.host.clock.nowMs();
    this.facts.publishFacts();
    this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ends.callOffRestart();
    await this.queue[Symbol.asyncDispose]();
    await this.#follower[Symbol.asyncDispose]();
  }

  #follow(): void {
    this.#follower.sync(hasDomain(this.state) ? this.domid : undefined, this.config.current);
  }

  #driver(plan: Plan, operation: Operation): Parameters<typeof executePlan>[1] {
    return {
      clock: this.host.clock,
      timeoutMs: ({ stage, timeoutMs }) => timeoutMs ?? stageTimeoutMs(stage, this.config.current),
      mark: async (index, phase) => {
        this.facts.underway = { plan, index, phase };
        await this.save();
      },
      perform: (step, signal) => performStep(this, step, { ...operation, signal }),
      undo: (step) => undoStep(this, step),
      happened: (event) => {
        this.facts.happened(event);
        this.#follow();
      },
    };
  }

  #background(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    this.queue
      .run({ name, overtakes: false, run: work })
      .catch((error: unknown) => {
        const isCalledOff =
          error instanceof VmError &&
          (error.code === 'VM_CLOSING' || error.code === 'VM_OVERTAKEN');
        if (!isCalledOff) this.logger.log('error', `The VM cannot ${name}`, error);
      })
      .finally(() => this.#onWorkEnd());
  }
}
