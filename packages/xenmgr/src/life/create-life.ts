/**
 * The life of all VMs. What a VM is doing is known from its monitor alone; what is done to it goes through its queue of
 * operations, what happens to it through its queue of events, and VMs wait for each other only where one needs another.
 */
import { hasCode } from '@xenops/core/errors';
import { domid as domidOf, vmUuid, type Domid } from '@xenops/core/ids';
import { withDeadline } from '@xenops/core/lifetime';
import { kibFromMib } from '@xenops/core/units';
import { valueBecomes, waitFor } from '@xenops/core/xenstore';
import { domainPath } from '@xenops/core/xenstore/path';
import { EventQueue } from '../concurrency/event-queue.ts';
import type { LeafChange } from '../db/tree.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { MonitorEvent } from '../monitor/monitors.ts';
import { acpiStateOf } from './acpi.ts';
import { isLoginNeeded } from './authentication.ts';
import { Autostart, isPending } from './autostart.ts';
import {
  recordOf,
  settingsOf,
  type LifeContext,
  type LifeOptions,
  type LifeSurroundings,
} from './context.ts';
import { dependencyEdges, dependencyOrder } from './dependencies.ts';
import { followGuests } from './guest-events.ts';
import { noteAcpi, noteClock } from './guest-reactions.ts';
import { HOOK_TIMEOUT_MS, runHookText, START_HOOK_TIMEOUT_MS } from './hooks.ts';
import type { LifePart, PublicState, StartOptions, VmLife } from './life.ts';
import { MemoryRoom } from './memory-room.ts';
import { LifeNodes, SHOWN_KEYS } from './nodes.ts';
import * as power from './power.ts';
import { reactionsOf } from './reactions.ts';
import { startVm } from './start.ts';
import { isCreationStep, publicStateOf } from './states.ts';
import { stopAll, type StopAllOptions } from './stop-all.ts';
import { destroyVm, shutdownVm } from './stop.ts';
import type { VmEvent } from './vm-events.ts';
import { VmRecord } from './vm-record.ts';

const SWITCHER_TIMEOUT_MS = 10_000;
/** For operations that are called off to leave nothing behind when the manager ends. */
const END_TIMEOUT_MS = 60_000;
const START_HOOK = 'run-insteadof-start';

/** The life of VMs for whoever runs the manager. */
export interface LifeService extends VmLife, AsyncDisposable {
  /**
   * Finds the VMs that run, and finishes or undoes what was under way when the last manager ended. Once, before anything
   * else. Rejects with ManagerError when the monitor cannot be started.
   */
  adopt(): Promise<void>;
  /** Starts VMs by themselves: after a boot of the host those that shall, else those that were not reached. */
  autostart(): Promise<void>;
  /** Somebody has logged in, or a step of the installation is done: those that waited for it are started. */
  drainAutostart(): Promise<void>;
  /** Something has happened to a VM that its monitor does not know of. */
  post(uuid: string, event: VmEvent): void;
}

/** Makes the life of the VMs of the database. `parts` may still grow until `adopt`. */
export function createLife(
  surroundings: LifeSurroundings,
  parts: readonly LifePart[],
  options: LifeOptions,
): LifeService {
  return new Lives(surroundings, parts, options);
}

class Lives implements LifeService {
  readonly #life: LifeContext;
  readonly #records = new Map<string, VmRecord>();
  readonly #stop = new AbortController();
  readonly #autostart: Autostart;
  readonly #subscriptions: readonly Disposable[];
  #following: Promise<void> = Promise.resolve();
  #leftStarting: ReadonlySet<string> = new Set();
  #leftShown: ReadonlySet<string> = new Set();

  constructor(surroundings: LifeSurroundings, parts: readonly LifePart[], options: LifeOptions) {
    const { host, locks, log, database, monitors } = surroundings;
    const minimumKib = (): ReadonlyMap<Domid, number> => this.#minimumKib();
    this.#life = {
      ...surroundings,
      parts,
      options,
      records: this.#records,
      nodes: new LifeNodes(host.store),
      memory: new MemoryRoom({ host, locks, log, minimumKib }),
      start: (uuid, how) => this.start(uuid, how),
      dependencies: (uuid) => this.dependencies(uuid),
      edges: () => this.#edges(),
      runHook: (uuid, hook, args, signal) => this.runHook(uuid, hook, args, signal),
    };
    this.#autostart = new Autostart({
      life: this.#life,
      switchTo: (uuid) => this.switchTo(uuid),
      signal: this.#stop.signal,
    });
    for (const uuid of database.view().list('/vm')) this.#record(uuid);
    this.#subscriptions = [
      monitors.onEvent((event) => this.#hear(event)),
      database.onChange((changes) => this.#stored(changes)),
    ];
  }

  publicState(uuid: string): PublicState {
    const state = publicStateOf(recordOf(this.#life, uuid).internal);
    if (state !== 'stopped') return state;
    const { database, places } = this.#life;
    return isLoginNeeded(database.view(), uuid, places) ? 'locked' : 'stopped';
  }

  acpiState(uuid: string): number {
    return acpiStateOf(this.#life, recordOf(this.#life, uuid));
  }

  domid(uuid: string): number {
    return this.#records.get(uuid)?.domid ?? -1;
  }

  isRunning(uuid: string): boolean {
    return this.#records.get(uuid)?.isAlive ?? false;
  }

  async dependencies(uuid: string): Promise<readonly string[]> {
    return dependencyOrder(await this.#edges([uuid]), uuid);
  }

  isAutostartPending(uuid: string): boolean {
    return isPending(this.#life.database.view(), uuid);
  }

  async start(uuid: string, { isInternal = false, signal }: StartOptions = {}): Promise<void> {
    const record = recordOf(this.#life, uuid);
    // Not among the operations: the hook starts the VM itself, by another call.
    if (!isInternal && settingsOf(this.#life, uuid).text(START_HOOK) !== '') {
      if (!record.isAlive) await this.runHook(uuid, START_HOOK, [uuid], signal);
      return;
    }
    await startVm(this.#life, uuid, { signal });
  }

  async shutdown(uuid: string): Promise<void> {
    await shutdownVm(this.#life, uuid);
  }

  async destroy(uuid: string): Promise<void> {
    await destroyVm(this.#life, uuid);
  }

  async reboot(uuid: string): Promise<void> {
    await power.rebootVm(this.#life, uuid);
  }

  async sleep(uuid: string): Promise<void> {
    await power.sleepVm(this.#life, uuid);
  }

  async resume(uuid: string): Promise<void> {
    await power.resumeVm(this.#life, uuid);
  }

  async hibernate(uuid: string): Promise<void> {
    await power.hibernateVm(this.#life, uuid);
  }

  async pause(uuid: string): Promise<void> {
    await power.pauseVm(this.#life, uuid, 'pause');
  }

  async unpause(uuid: string): Promise<void> {
    await power.pauseVm(this.#life, uuid, 'unpause');
  }

  async suspendToFile(uuid: string, file: string): Promise<void> {
    await power.suspendToFile(this.#life, uuid, file);
  }

  async resumeFromFile(uuid: string, file: string): Promise<void> {
    await power.resumeFromFile(this.#life, uuid, file);
  }

  async switchTo(uuid: string): Promise<void> {
    const { domid } = recordOf(this.#life, uuid);
    if (domid < 0) {
      throw new ManagerError('VM_WRONG_STATE', {
        message: `The VM ${uuid} does not run and cannot be shown`,
        context: { uuid },
      });
    }
    const { host, peers } = this.#life;
    const ready = domainPath(domidOf(domid), 'switcher/ready');
    const options = {
      timeoutMs: SWITCHER_TIMEOUT_MS,
      clock: host.services.clock,
      signal: this.#stop.signal,
    };
    // A guest that does not say so may be ready all the same.
    await waitFor(host.store, valueBecomes(ready, 'true'), options).catch((error: unknown) => {
      if (!hasCode(error, 'TIMEOUT')) throw error;
    });
    await peers.input.switchFocus(domid, false);
  }

  async stopAll(options: StopAllOptions): Promise<void> {
    await stopAll(this.#life, options);
  }

  async runHook(
    uuid: string,
    hook: string,
    args: readonly string[],
    signal?: AbortSignal,
  ): Promise<void> {
    const text = settingsOf(this.#life, uuid).text(hook);
    if (text === '') return;
    const timeoutMs = hook === START_HOOK ? START_HOOK_TIMEOUT_MS : HOOK_TIMEOUT_MS;
    const stop = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
    const { run, bus } = this.#life;
    const log = this.#life.log.child({ vm: uuid });
    await runHookText({ run, bus, log }, text, args, { timeoutMs, signal: stop });
  }

  added(uuid: string): void {
    this.#record(vmUuid(uuid));
  }

  async removed(uuid: string): Promise<void> {
    const record = this.#records.get(uuid);
    this.#records.delete(uuid);
    if (record === undefined) return;
    await this.#end(record, 'the VM is removed');
    await this.#life.monitors.release(uuid);
    await this.#life.nodes.removeShown(uuid);
    await this.#life.nodes.removeState(uuid);
  }

  post(uuid: string, event: VmEvent): void {
    recordOf(this.#life, uuid).post(event);
  }

  async adopt(): Promise<void> {
    const { nodes, monitors, host } = this.#life;
    this.#leftStarting = new Set(await nodes.starting());
    this.#leftShown = new Set(await nodes.shown());
    await this.#writeNetworkBackend();
    await monitors.adopt();
    // Behind it: what guests have said already is said again at the start.
    this.#following = followGuests(this.#life, this.#stop.signal);
    const alive = new Set((await host.hypervisor.listDomains()).map((domain) => domain.uuid));
    for (const uuid of [...this.#leftStarting, ...this.#leftShown]) {
      // What has no domain and no monitor has ended for good. A monitor that was killed, too, comes to the others later.
      const isGone = monitors.state(uuid) === undefined && !alive.has(vmUuid(uuid));
      if (isGone) await this.#seeToLeft(uuid);
    }
  }

  async autostart(): Promise<void> {
    await this.#autostart.begin();
  }

  async drainAutostart(): Promise<void> {
    await this.#autostart.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.#stop.abort(new Error('The manager ends'));
    const ends = [...this.#records.values()].map((record) => this.#end(record, 'the manager ends'));
    await Promise.all(ends);
    await this.#following;
  }

  #record(uuid: string): VmRecord {
    const there = this.#records.get(uuid);
    if (there !== undefined) return there;
    const log = this.#life.log.child({ vm: uuid });
    const queue: EventQueue<VmEvent> = new EventQueue<VmEvent>({
      handlers: reactionsOf(this.#life, (): VmRecord => record),
      onError: (error, doing) => log.log('error', `A fault while ${doing}`, error),
    });
    const record: VmRecord = new VmRecord(uuid, queue);
    this.#records.set(uuid, record);
    const state = this.#life.monitors.state(uuid);
    if (state !== undefined) record.adopt(state);
    return record;
  }

  /** What is under way is called off and undone; the VM itself stays as it is. */
  async #end(record: VmRecord, why: string): Promise<void> {
    record.restart?.[Symbol.dispose]();
    record.operations.stop(why);
    const { clock } = this.#life.host.services;
    const what = `the operations on the VM ${record.uuid}`;
    await withDeadline({ what }, { timeoutMs: END_TIMEOUT_MS, clock }, async () => {
      await record.operations.idle();
      await record.queue.close();
    }).catch((error: unknown) => {
      this.#life.log.child({ vm: record.uuid }).log('warn', 'The VM is not let go cleanly', error);
    });
  }

  #hear(event: MonitorEvent): void {
    const record = this.#records.get(event.uuid);
    if (record === undefined) return;
    switch (event.kind) {
      case 'state':
        if (record.isKnown) record.setMonitor(event.state);
        else this.#adoptRecord(record, event.state);
        return;
      case 'notice': {
        const [word, value = ''] = event.parts;
        const number = /^-?\d{1,12}$/.test(value) ? Number(value) : undefined;
        if (number === undefined) return;
        if (word === 'power-state') noteAcpi(this.#life, event.uuid, number);
        if (word === 'rtc') noteClock(this.#life, event.uuid, number);
        return;
      }
      case 'lost':
        this.#life.log.child({ vm: event.uuid }).log('warn', 'The monitor of the VM went away');
    }
  }

  /** The first thing that is heard of a VM: nothing has happened to it, except what happened while nobody looked. */
  #adoptRecord(record: VmRecord, state: Parameters<VmRecord['adopt']>[0]): void {
    const { uuid } = record;
    record.adopt(state);
    if (record.isAlive) record.runningSinceMs = this.#life.host.services.clock.nowMs();
    if (this.#leftStarting.has(uuid) || this.#leftShown.has(uuid) || state.status === 'rebooted') {
      this.#seeToLeft(uuid).catch((error: unknown) => {
        this.#life.log.child({ vm: uuid }).log('error', 'What was under way is not undone', error);
      });
    }
  }

  async #seeToLeft(uuid: string): Promise<void> {
    const { nodes, log } = this.#life;
    const record = this.#records.get(uuid);
    if (record === undefined) {
      await nodes.removeShown(uuid);
      await nodes.unmarkStarting(uuid);
      return;
    }
    const { internal, domid } = record;
    if (this.#leftStarting.has(uuid)) {
      const isHalf = isCreationStep(internal) || internal === 'restoring';
      if (isHalf) {
        log.child({ vm: uuid }).log('warn', 'A start that nobody finishes any more is undone');
        await destroyVm(this.#life, uuid);
        record.isStopWanted = false;
      }
      await nodes.unmarkStarting(uuid);
      if (isHalf) return;
    }
    if (!record.isAlive) record.post({ kind: 'state', internal, domid, before: 'running' });
  }

  /** Settings of running VMs that the switcher shows. */
  #stored(changes: readonly LeafChange[]): void {
    const changed = new Set(
      changes.flatMap(({ path: [root, uuid = '', key = ''] }) =>
        root === 'vm' && SHOWN_KEYS.includes(key) ? [uuid] : [],
      ),
    );
    for (const uuid of changed) {
      if (this.domid(uuid) >= 0) this.#records.get(uuid)?.post({ kind: 'shown-settings' });
    }
  }

  /** Of all VMs, or of these and what they need. */
  async #edges(uuids?: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const { database, peers } = this.#life;
    const { network } = peers;
    const isPresent = await network.isPresent();
    const find = async (path: string): Promise<string> =>
      isPresent ? network.networkBackend(path) : '';
    return dependencyEdges(database.view(), find, uuids);
  }

  async #writeNetworkBackend(): Promise<void> {
    const { database, nodes } = this.#life;
    const isProvided = database
      .view()
      .list('/vm')
      .some((uuid) => settingsOf(this.#life, uuid).flag('provides-default-network-backend'));
    if (!isProvided) await nodes.writeNetworkBackend(0);
  }

  #minimumKib(): ReadonlyMap<Domid, number> {
    const minimum = new Map<Domid, number>();
    for (const { uuid, domid, internal } of this.#records.values()) {
      if (internal !== 'running') continue;
      const kib = kibFromMib(settingsOf(this.#life, uuid).number('memory-min'));
      if (kib > 0) minimum.set(domidOf(domid), kib);
    }
    return minimum;
  }
}
