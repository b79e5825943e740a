/**
 * The power of the host. One thing at a time: what is asked while another thing is under way is refused, and a manager
 * that was killed in the middle leaves nothing behind that would block the next. VMs are stopped, or put to sleep, before
 * anything is done to the host; when that fails, those that sleep are woken again.
 */
import { ManagerError } from '../manager/manager-error.ts';
import type { Surroundings } from '../manager/manager.ts';
import { hostText } from '../objects/host-settings.ts';
import type { LifeOptions } from '../life/context.ts';
import type { VmLife } from '../life/life.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { isUserVm, vmUuids } from '../vms/slots.ts';
import { findPowerAction, type PowerAction } from './power-actions.ts';
import { sleepVms, wakeVms, type Sleeper } from './sleep-vms.ts';

/** States as they are told on D-Bus, and as other daemons know them in xenstore. */
const STATES = {
  idle: 'idle',
  shutdowning: 'shutting-down',
  rebooting: 'rebooting',
  sleeping: 'going-to-sleep',
  hibernating: 'going-to-hibernate',
} as const;

export type HostState = keyof typeof STATES;

const STATE_OF: Readonly<Record<Exclude<PowerAction, 'nothing'>, HostState>> = {
  shutdown: 'shutdowning',
  'forced-shutdown': 'shutdowning',
  reboot: 'rebooting',
  sleep: 'sleeping',
  hibernate: 'hibernating',
};

/** What is run to do it, as a program and its words; absent on a host that is only simulated. */
export interface PowerCommands {
  readonly shutdown?: readonly [string, ...string[]];
  readonly reboot?: readonly [string, ...string[]];
  readonly sleep?: readonly [string, ...string[]];
}

/** Those of a Dom0 with systemd. */
export const SYSTEM_POWER_COMMANDS: PowerCommands = {
  shutdown: ['systemctl', 'poweroff'],
  reboot: ['systemctl', 'reboot'],
  sleep: ['systemctl', 'suspend'],
};

const STATE_NODE = '/xenmgr/host-state';
const HIBERNATED_KEY = '/platform/hibernated';
/** For VMs to stop before the power goes, when nobody is there to see to them. */
const IDLE_SHUTDOWN_TIMEOUT_MS = 300_000;

/** How an action is meant. */
export interface PowerRequest {
  /** Somebody is there: a VM that does not go along stops the action, where it would otherwise be forced. */
  readonly isSupervised?: boolean;
}

export class HostPower {
  readonly lifeOptions: LifeOptions = {
    isHostIdle: () => this.#state === 'idle',
    onPowerLink: (_uuid, action) => this.request(action, { isSupervised: false }),
    onMeasurementFailed: () => this.#failMeasurement(),
  };
  readonly #around: Surroundings;
  readonly #commands: PowerCommands;
  #life: VmLife | undefined;
  #state: HostState = 'idle';

  constructor(around: Surroundings, commands: PowerCommands) {
    this.#around = around;
    this.#commands = commands;
  }

  /** What the host is doing. */
  get state(): HostState {
    return this.#state;
  }

  /** From now on actions are taken. */
  async start(life: VmLife): Promise<void> {
    this.#life = life;
    await this.#around.host.store.write(STATE_NODE, STATES.idle);
  }

  /**
   * Does something about the power of the host. Asking again for what is under way is fine. Rejects with ManagerError:
   * HOST_NOT_IDLE while something else is under way, HOST_HIBERNATE_FAILED, or what kept a VM from going along; the host
   * goes on as it was then.
   */
  async request(action: PowerAction, { isSupervised = true }: PowerRequest = {}): Promise<void> {
    if (action === 'nothing') return;
    const wanted = STATE_OF[action];
    if (this.#state === wanted) return;
    if (this.#state !== 'idle') {
      throw new ManagerError('HOST_NOT_IDLE', {
        message: `The host is ${this.#state}; it cannot do anything else about its power now`,
      });
    }
    this.#around.log.log('info', `The host begins: ${action}`);
    await this.#become(wanted);
    try {
      await this.#perform(action, isSupervised);
    } finally {
      await this.#become('idle');
    }
  }

  /** Switches the host off for lack of anything to do; VMs that do not stop do not keep it up. */
  async shutDownIdle(): Promise<void> {
    if (this.#state === 'shutdowning') return;
    await this.#become('shutdowning');
    try {
      await this.#needLife()
        .stopAll({ isForced: true, timeoutMs: IDLE_SHUTDOWN_TIMEOUT_MS })
        .catch((error: unknown) => {
          this.#around.log.log('error', 'A VM did not stop; the power goes all the same', error);
        });
      await this.#run('shutdown');
    } finally {
      await this.#become('idle');
    }
  }

  async #perform(action: Exclude<PowerAction, 'nothing'>, isSupervised: boolean): Promise<void> {
    const life = this.#needLife();
    switch (action) {
      case 'shutdown':
      case 'reboot':
        await life.stopAll({ isForced: true });
        await this.#run(action);
        return;
      case 'forced-shutdown':
        await this.#destroyAll(life);
        await this.#run('shutdown');
        return;
      case 'sleep':
        await this.#sleep(life);
        return;
      case 'hibernate':
        await this.#hibernate(life, isSupervised);
    }
  }

  async #destroyAll(life: VmLife): Promise<void> {
    const running = this.#runningVms(life);
    const ends = await Promise.allSettled(running.map((uuid) => life.destroy(uuid)));
    for (const end of ends) {
      if (end.status === 'rejected') this.#around.log.log('error', 'A VM stays', end.reason);
    }
  }

  /** Whatever fails on the way, those that sleep are woken. */
  async #sleep(life: VmLife): Promise<void> {
    const { peers, log } = this.#around;
    const asleep: Sleeper[] = [];
    const skipAbsent = async (doing: string, act: () => Promise<void>): Promise<void> => {
      await act().catch((error: unknown) => log.log('info', `${doing} is left out`, error));
    };
    try {
      await sleepVms(this.#around, life, asleep);
      await skipAbsent('Locking the screen', async () => {
        if (await peers.input.isAuthOnBoot()) await peers.input.lock(true);
      });
      await skipAbsent('Telling the display service', () => peers.display.beforeS3());
      await this.#run('sleep');
      await skipAbsent('Telling the display service', () => peers.display.afterS3());
    } finally {
      await this.#become('idle');
      await wakeVms(this.#around, life, asleep);
    }
  }

  async #hibernate(life: VmLife, isSupervised: boolean): Promise<void> {
    const { database, log } = this.#around;
    const view = database.view();
    for (const uuid of this.#runningVms(life)) {
      const settings = vmSettings(view, uuid);
      if (!isUserVm(view, uuid)) continue;
      if (settings.text('s4-mode') === 'ignore') continue;
      try {
        if (settings.text('s4-mode') === 'pv') await life.hibernate(uuid);
        else await this.#stopHibernated(life, uuid);
      } catch (cause) {
        if (isSupervised) {
          throw new ManagerError('HOST_HIBERNATE_FAILED', {
            message: `The VM ${uuid} cannot hibernate`,
            context: { uuid },
            cause,
          });
        }
        log.child({ vm: uuid }).log('error', 'It cannot hibernate and is shut down', cause);
        await life.shutdown(uuid).catch(() => undefined);
      }
    }
    await database.transact((draft) => draft.write(HIBERNATED_KEY, 'true'));
    await life.stopAll({ isForced: true });
    await this.#run('shutdown');
  }

  /** A VM that starts anew after the host has hibernated. */
  async #stopHibernated(life: VmLife, uuid: string): Promise<void> {
    await life.shutdown(uuid);
    await this.#around.database.transact((draft) => draft.write(`/vm/${uuid}/hibernated`, 'true'));
  }

  async #failMeasurement(): Promise<void> {
    const action = hostText(this.#around.database.view(), 'measure-fail-action');
    await this.request(findPowerAction(action) ?? 'forced-shutdown', { isSupervised: false });
  }

  async #run(what: keyof PowerCommands): Promise<void> {
    const command = this.#commands[what];
    if (command === undefined) {
      this.#around.log.log('info', `This host is simulated: nothing is run for ${what}`);
      return;
    }
    const [program, ...args] = command;
    await this.#around.run(program, args);
  }

  async #become(state: HostState): Promise<void> {
    if (this.#state === state) return;
    this.#state = state;
    this.#around.announce.hostStateChanged(state);
    await this.#around.host.store.write(STATE_NODE, STATES[state]);
  }

  #runningVms(life: VmLife): readonly string[] {
    return vmUuids(this.#around.database.view()).filter((uuid) => life.isRunning(uuid));
  }

  #needLife(): VmLife {
    if (this.#life !== undefined) return this.#life;
    throw new ManagerError('VM_NOT_READY', { message: 'The manager has not started yet' });
  }
}
