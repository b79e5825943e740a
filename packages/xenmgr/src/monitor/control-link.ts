/**
 * The control socket of the monitor: which VMs it serves, and adding and removing them. There is at most one connection
 * and at most one attempt to start the monitor at a time, however many VMs wait for it.
 */
import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from '@xenops/core/errors';
import { withDeadline } from '@xenops/core/lifetime';
import { ManagerError } from '../manager/manager-error.ts';
import { openConnection, type MonitorConnection } from './connection.ts';
import type { StreamItem } from './message-codec.ts';
import {
  ANSWER_TIMEOUT_MS,
  DELAY_MAX_MS,
  FIRST_DELAY_MS,
  SERVE_TIMEOUT_MS,
  type MonitorsOptions,
} from './monitor-options.ts';
import { startMonitor } from './monitor-process.ts';
import { pause } from './pause.ts';
import { Slots } from './slots.ts';

const CONTROL = 'control';
/** VMs that are added or removed at a time: the monitor starts a process for each, to lock it. */
const CHANGES_MAX = 8;
const VM_OBJECT = /^vm\/([0-9a-f-]{36})$/;
/** A monitor that ends sooner than this after its start has not held, and the next start waits. */
const HOLDS_AFTER_MS = 10_000;

export class ControlLink implements Disposable {
  readonly #options: MonitorsOptions;
  readonly #stop = new AbortController();
  readonly #served = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #slots = new Slots(CHANGES_MAX);
  #connection: MonitorConnection | undefined;
  #opening: Promise<MonitorConnection> | undefined;
  #quickEnds = 0;
  #startedAtMs: number | undefined;

  constructor(options: MonitorsOptions) {
    this.#options = options;
    // One for each VM that waits for the monitor.
    setMaxListeners(0, this.#stop.signal);
  }

  /** What the monitor serves, completely started. */
  get served(): ReadonlySet<string> {
    return this.#served;
  }

  /** Calls back whenever `served` has changed. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Resolves once the monitor answers; starts it when nobody does. Rejects with ManagerError. */
  async ensure(): Promise<MonitorConnection> {
    if (this.#connection?.isOpen === true) return this.#connection;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Has the monitor serve the VM, if it does not yet, and waits until it does. Rejects with ManagerError. */
  async add(uuid: string, configPath: string, signal: AbortSignal): Promise<void> {
    const control = await this.ensure();
    if (this.#served.has(uuid)) return;
    const options = { timeoutMs: SERVE_TIMEOUT_MS, signal };
    try {
      await this.#slots.run(() => control.call('add', { config: configPath, uuid }, options));
    } catch (error) {
      // After a restart the monitor takes its VMs up by itself: this one is coming, or there.
      if (!isBusy(error)) throw error;
    }
    await this.#waitServed(uuid, signal);
  }

  /** Has the monitor serve the VM no longer. One that it does not serve is fine. */
  async remove(uuid: string): Promise<void> {
    const control = await this.ensure();
    if (!this.#served.has(uuid)) return;
    const options = { timeoutMs: SERVE_TIMEOUT_MS };
    try {
      await this.#slots.run(() => control.call('remove', { uuid }, options));
    } catch (error) {
      if (!(error instanceof ManagerError && error.code === 'NOT_FOUND')) throw error;
    }
    this.#change(() => this.#served.delete(uuid));
  }

  [Symbol.dispose](): void {
    this.#stop.abort(new Error('The monitors were closed'));
    this.#connection?.close();
  }

  async #open(): Promise<MonitorConnection> {
    const { socketFolder, configFolder, clock, log } = this.#options;
    for (const folder of [socketFolder, configFolder]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    const { signal } = this.#stop;
    const connect = (stop: AbortSignal): Promise<MonitorConnection | undefined> =>
      this.#connect(stop);
    let connection = await connect(signal);
    if (connection === undefined) {
      await pause(clock, this.#startDelayMs(), signal);
      this.#startedAtMs = clock.nowMs();
      log.log('info', 'Nobody serves the VMs; the monitor is started');
      connection = await startMonitor(this.#options, connect, signal);
    }
    await this.#follow(connection);
    return connection;
  }

  /** Undefined when nobody listens. */
  async #connect(signal: AbortSignal): Promise<MonitorConnection | undefined> {
    const { socketFolder, clock } = this.#options;
    const socketPath = path.join(socketFolder, CONTROL);
    const options = { socketPath, who: CONTROL, clock, timeoutMs: ANSWER_TIMEOUT_MS, signal };
    try {
      return await openConnection(options);
    } catch (error) {
      if (hasCode(error, 'CONNECT_FAILED')) return undefined;
      throw error;
    }
  }

  async #follow(connection: MonitorConnection): Promise<void> {
    this.#change(() => this.#served.clear());
    let seen = -1;
    let reached: () => void = () => undefined;
    const take = (item: StreamItem): void => {
      seen = item.sequence;
      this.#change(() => this.#take(item));
      reached();
    };
    const options = { timeoutMs: ANSWER_TIMEOUT_MS, signal: this.#stop.signal };
    try {
      const { sequence } = await connection.subscribe(undefined, take, options);
      // The snapshot comes right behind the answer.
      const isThere = new Promise<void>((resolve) => {
        reached = () => {
          if (seen >= sequence) resolve();
        };
        reached();
      });
      await Promise.race([isThere, connection.closed]);
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection;
  }

  #take(item: StreamItem): void {
    switch (item.kind) {
      case 'snapshot':
        this.#served.clear();
        for (const object of item.objects.keys()) this.#add(object);
        return;
      case 'set':
        this.#add(item.object);
        return;
      case 'removed':
        this.#served.delete(VM_OBJECT.exec(item.object)?.[1] ?? '');
        return;
      case 'notice':
    }
  }

  #add(object: string): void {
    const uuid = VM_OBJECT.exec(object)?.[1];
    if (uuid !== undefined) this.#served.add(uuid);
  }

  #change(act: () => void): void {
    act();
    for (const listener of [...this.#listeners]) listener();
  }

  async #waitServed(uuid: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const what = `the monitor to serve the VM ${uuid}`;
    const waiting = { timeoutMs: SERVE_TIMEOUT_MS, signal, clock };
    await withDeadline({ what }, waiting, async (stop) => {
      const connection = this.#connection;
      const served = new Promise<void>((resolve) => {
        const done = (): void => {
          if (!this.#served.has(uuid) && !stop.aborted) return;
          listening[Symbol.dispose]();
          resolve();
        };
        const listening = this.onChange(done);
        stop.addEventListener('abort', done);
        done();
      });
      await Promise.race([served, connection?.closed]);
      if (this.#served.has(uuid)) return;
      throw new ManagerError('MONITOR_FAILED', {
        message: `The monitor went away before it served the VM ${uuid}`,
        context: { uuid },
      });
    });
  }

  #startDelayMs(): number {
    const livedMs = this.#options.clock.nowMs() - (this.#startedAtMs ?? -Infinity);
    this.#quickEnds = livedMs < HOLDS_AFTER_MS ? this.#quickEnds + 1 : 0;
    if (this.#quickEnds === 0) return 0;
    return Math.min(FIRST_DELAY_MS * 2 ** this.#quickEnds, DELAY_MAX_MS);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof ManagerError && error.code === 'VM_WRONG_STATE';
}
