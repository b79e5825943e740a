/**
 * Starting VMs by themselves after the host has booted. Those that are to be started stand in a list of the database
 * until they have been tried, so that neither a restart of the manager nor a user who logs in late forgets one; a restart
 * is told from a boot by xenstore, which is empty after a boot.
 */
import { planStart, type StartCandidate } from '../autostart/plan-waves.ts';
import type { Draft, View } from '../db/view.ts';
import { folderOf } from '../db/tree.ts';
import { CONFIG_PROPERTIES } from '../properties/properties.ts';
import { isServiceVm, Settings, vmSettings } from '../vm-config/vm-settings.ts';
import { isInstalled } from '../host/installer-object.ts';
import { isLoginNeeded } from './authentication.ts';
import type { LifeContext } from './context.ts';
import { namedDependencies } from './dependencies.ts';
import type { VmRecord } from './vm-record.ts';
import { pause } from '../monitor/pause.ts';

const PENDING = '/xenmgr/autostart-pending-vms';
const VISIBLE = '/xenmgr/pm-visible-vm';
const HOST_HIBERNATED = '/platform/hibernated';
/** Starts under way at a time: building domains is bound by the disks and processors of Dom0. */
const STARTS_MAX = 8;
const MS_PER_SECOND = 1000;

/** What the runner needs besides the life of VMs. */
export interface AutostartOptions {
  readonly life: LifeContext;
  readonly switchTo: (uuid: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Whether a VM waits to be started. */
export function isPending(view: View, uuid: string): boolean {
  return pendingOf(view).includes(uuid);
}

export class Autostart {
  readonly #options: AutostartOptions;
  #draining: Promise<void> = Promise.resolve();
  #showing: Promise<void> = Promise.resolve();
  #isDrainWanted = false;
  #hasScreen = false;

  constructor(options: AutostartOptions) {
    this.#options = options;
  }

  /** After a boot of the host: says which VMs are to be started. Then starts those that can be. */
  async begin(): Promise<void> {
    const { life } = this.#options;
    if (!(await life.nodes.isAutostarted())) {
      await life.database.transact((draft) => writePending(draft, this.#wanted(draft)));
      await life.nodes.markAutostarted();
    }
    await this.drain();
  }

  /** Starts those that wait and can be started: somebody has logged in, or the installation is complete. */
  async drain(): Promise<void> {
    // One that comes while another is under way looks again after it; further ones add nothing.
    if (this.#isDrainWanted) return this.#draining;
    this.#isDrainWanted = true;
    this.#draining = this.#draining.then(async () => {
      this.#isDrainWanted = false;
      await this.#drainNow();
    });
    return this.#draining;
  }

  #wanted(draft: Draft): readonly string[] {
    const { life } = this.#options;
    const isResumed = draft.read(HOST_HIBERNATED) === 'true';
    draft.replace(HOST_HIBERNATED, undefined);
    if (!new Settings(draft, { base: '', rows: CONFIG_PROPERTIES }).flag('autostart')) return [];
    return draft.list('/vm').filter((uuid) => {
      const vm = vmSettings(draft, uuid);
      if (!vm.flag('ready')) return false;
      if (!isResumed || isServiceVm(vm)) return vm.flag('start-on-boot');
      return vm.flag('hibernated') && life.records.get(uuid)?.isAlive !== true;
    });
  }

  async #drainNow(): Promise<void> {
    const { life, signal } = this.#options;
    const view = life.database.view();
    const pending = pendingOf(view);
    if (pending.length === 0 || !(await isInstalled(this.#options.life.places))) return;
    const gone = pending.filter((uuid) => !life.records.has(uuid));
    const ready = pending.filter(
      (uuid) => life.records.has(uuid) && !isLoginNeeded(view, uuid, life.places),
    );
    const { waves, blocked } = planStart(await this.#candidates(view, ready));
    const alreadyRunning = ready.filter((uuid) => runs(life.records.get(uuid)));
    for (const { uuid, reason } of blocked) {
      const text = `The VM is not started by itself: ${JSON.stringify(reason)}`;
      life.log.child({ vm: uuid }).log('error', text);
    }
    await this.#tried([...gone, ...alreadyRunning, ...blocked.map(({ uuid }) => uuid)]);
    for (const wave of waves) {
      if (signal.aborted) return;
      await this.#startWave(wave);
    }
  }

  /** A VM comes after others that start anyway, and after those that are started for it where it says so. */
  async #candidates(view: View, ready: readonly string[]): Promise<readonly StartCandidate[]> {
    const { life } = this.#options;
    const known = await life.edges();
    return [...life.records.values()].map((record) => {
      const { uuid } = record;
      const vm = vmSettings(view, uuid);
      const needed = known.get(uuid) ?? [];
      const isTracked = vm.flag('track-dependencies');
      const named = namedDependencies(view, uuid);
      return {
        uuid,
        isWanted: ready.includes(uuid),
        priority: vm.number('start-on-boot-priority'),
        slot: vm.number('slot'),
        dependencies: needed.filter(
          (other) => isTracked || named.includes(other) || ready.includes(other),
        ),
        isRunning: ready.includes(uuid) ? runs(record) : record.isAlive,
      };
    });
  }

  async #startWave(wave: readonly string[]): Promise<void> {
    const { life, signal } = this.#options;
    const running = new Set<Promise<void>>();
    for (const uuid of wave) {
      if (running.size >= STARTS_MAX) await Promise.race(running);
      if (signal.aborted) break;
      const start: Promise<void> = this.#startOne(uuid).finally(() => running.delete(start));
      running.add(start);
      await pause(life.host.services.clock, this.#delayMs(uuid), signal);
    }
    await Promise.all(running);
  }

  async #startOne(uuid: string): Promise<void> {
    const { life, signal } = this.#options;
    const log = life.log.child({ vm: uuid });
    try {
      await life.start(uuid, { signal });
      // Beside the starts: a guest that never shows anything must not hold them up.
      this.#showing = this.#showing.then(() => this.#show(uuid));
    } catch (error) {
      if (signal.aborted) return;
      log.log('error', 'The VM cannot be started by itself', error);
    }
    await this.#tried([uuid]);
  }

  #delayMs(uuid: string): number {
    const view = this.#options.life.database.view();
    const isOnScreen = vmSettings(view, uuid).text('gpu') === 'hdx';
    const config = new Settings(view, { base: '', rows: CONFIG_PROPERTIES });
    const seconds = config.number(isOnScreen ? 'pvm-autostart-delay' : 'svm-autostart-delay');
    return Math.max(0, seconds) * MS_PER_SECOND;
  }

  /** The VM that was on the screen when the host went down, else the first of a user's. Never rejects. */
  async #show(uuid: string): Promise<void> {
    const { life, switchTo, signal } = this.#options;
    try {
      const view = life.database.view();
      const wanted = view.read(VISIBLE) ?? '';
      const isFirst = !this.#hasScreen && !isServiceVm(vmSettings(view, uuid));
      if (signal.aborted || !(wanted === '' ? isFirst : wanted === uuid)) return;
      if (wanted !== '') await life.database.transact((draft) => draft.replace(VISIBLE, undefined));
      await switchTo(uuid);
      this.#hasScreen = true;
    } catch (error) {
      life.log.child({ vm: uuid }).log('info', 'The VM cannot be brought to the screen', error);
    }
  }

  async #tried(uuids: readonly string[]): Promise<void> {
    if (uuids.length === 0) return;
    const { life } = this.#options;
    await life.database.transact((draft) => {
      writePending(
        draft,
        pendingOf(draft).filter((uuid) => !uuids.includes(uuid)),
      );
    });
    for (const uuid of uuids) life.announce.vmPropertiesChanged(uuid, ['autostart-pending']);
  }
}

/** Whether it runs and will: what is under way for it may be its end. */
function runs(record: VmRecord | undefined): boolean {
  return record?.isAlive === true && record.operations.names.length === 0;
}

function pendingOf(view: View): readonly string[] {
  return view.list(PENDING).flatMap((name) => view.read(`${PENDING}/${name}`) ?? []);
}

function writePending(draft: Draft, uuids: readonly string[]): void {
  draft.replace(PENDING, folderOf(uuids.map((uuid, at) => [String(at), uuid])));
}
