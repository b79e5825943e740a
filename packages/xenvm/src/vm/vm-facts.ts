/** What is true of a VM: told to those who listen when it changes, and written down for the next monitor. */
import type { Logger } from '@xenops/core/daemon';
import { domid as domidOf, type Domid, type VmUuid } from '@xenops/core/ids';
import { renderConfig } from '../config/index.ts';
import { stepLife, type LifeEvent } from '../life/machine.ts';
import { publishedState, type LifeState } from '../life/states.ts';
import type { EventLog } from '../notify/event-log.ts';
import { NOTIFICATION, type NotificationCode } from '../notify/notification.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { ConfigKeeper } from './config-keeper.ts';
import type { Plugging } from './plugging.ts';
import type { Underway, VmRecord, VmStore } from './vm-store.ts';

export interface FactsParts {
  readonly uuid: VmUuid;
  readonly store: VmStore;
  readonly events: EventLog;
  readonly notifier: Pick<Notifier, 'notify'>;
  readonly logger: Logger;
}

/** ACPI's numbers for power states, as clients of the old monitor know them. */
export const POWER = { awake: 0, asleep: 3, hibernated: 4, off: 5 } as const;

export class VmFacts {
  readonly #parts: FactsParts;
  readonly #configs: ConfigKeeper;
  #state: LifeState = 'shutdown';
  #hasRecord = false;
  /** How a guest ended whose domain is preserved. */
  detail: string | undefined;
  /** Of its domain; undefined without one. */
  domid: Domid | undefined;
  startedAtMs: number | undefined;
  quickEnds = 0;
  underway: Underway | undefined;
  /** The device that is coming or going. */
  plugging: Plugging | undefined;
  #powerState: number = POWER.off;
  /**
   * It is being written to an image, lies in one, or was asked to hibernate: what it has changed on its disks is kept beyond its domain. What a guest
   * says of its power state does not count.
   */
  keepsChanges = false;

  constructor(parts: FactsParts, configs: ConfigKeeper) {
    this.#parts = parts;
    this.#configs = configs;
  }

  get state(): LifeState {
    return this.#state;
  }

  /** The last power state that was told of, of this boot or the one that ended. */
  get powerState(): number {
    return this.#powerState;
  }

  /** What happened, by the table of `life/machine.ts`; what cannot happen in this state is logged, and changes nothing. */
  happened(event: LifeEvent): void {
    const step = stepLife(this.#state, event);
    if (step.kind === 'denied') {
      this.#parts.logger.log(
        'error',
        `${event} cannot happen to a VM that is ${this.#state}; its state stays`,
      );
      return;
    }
    this.#state = step.state;
    if (event === 'create') {
      this.#powerState = POWER.awake;
      this.keepsChanges = false;
    }
    if (event === 'run' || event === 'pause') this.keepsChanges = false;
    if (event === 'gone' || event === 'rebooted') {
      this.#configs.media = {};
      if (this.#powerState !== POWER.hibernated) this.#powerState = POWER.off;
    }
    for (const effect of step.effects) {
      switch (effect) {
        case 'forget-boot':
          this.domid = undefined;
          this.detail = undefined;
          this.#configs.ready = undefined;
          break;
        case 'install-next-config':
          this.#configs.install();
          break;
        case 'publish':
          this.publish();
      }
    }
  }

  /** A power state, to those who listen when it is a new one. */
  setPower(state: number): void {
    if (state === this.#powerState) return;
    this.#powerState = state;
    this.notify(NOTIFICATION.trigger, ['power-state', String(state)]);
  }

  notify(code: NotificationCode, parts: readonly string[]): void {
    this.#parts.notifier.notify(code, parts);
  }

  /** Tells the state, also when it is the same. */
  publish(): void {
    this.publishFacts();
    this.notify(NOTIFICATION.state, ['vm', 'state', publishedState(this.#state)]);
  }

  publishFacts(): void {
    this.#parts.events.set('vm', {
      state: publishedState(this.#state),
      domid: this.domid ?? null,
      detail: this.detail ?? null,
      hasNextConfig: this.#configs.slots.next !== undefined,
    });
  }

  /** What a predecessor has written down. */
  load(): Promise<VmRecord | undefined> {
    return this.#parts.store.load(this.#parts.uuid);
  }

  /** Takes it over. */
  recall(record: VmRecord): void {
    this.#hasRecord = true;
    this.#state = record.state;
    this.detail = record.detail;
    this.domid = record.domid === undefined ? undefined : domidOf(record.domid);
    this.startedAtMs = record.startedAtMs;
    this.quickEnds = record.quickEnds;
    this.#powerState = record.powerState ?? POWER.awake;
    this.keepsChanges = record.keepsChanges ?? false;
    this.#configs.media = record.media ?? {};
  }

  /** Writes down what must survive the monitor. */
  async save(): Promise<void> {
    const { store, uuid } = this.#parts;
    const isNothing =
      this.#state === 'shutdown' && this.underway === undefined && this.quickEnds === 0;
    if (isNothing) {
      if (this.#hasRecord) await store.remove(uuid);
      this.#hasRecord = false;
      return;
    }
    this.#hasRecord = true;
    const { media, slots } = this.#configs;
    await store.save(uuid, {
      state: this.#state,
      domid: this.domid,
      startedAtMs: this.startedAtMs,
      quickEnds: this.quickEnds,
      detail: this.detail,
      current: renderConfig(slots.current, { withSecrets: true }),
      underway: this.underway,
      ...(this.plugging === undefined ? {} : { plugging: this.plugging }),
      ...(this.#powerState === POWER.awake ? {} : { powerState: this.#powerState }),
      ...(this.keepsChanges ? { keepsChanges: true } : {}),
      ...(Object.keys(media).length === 0 ? {} : { media }),
    });
  }
}
