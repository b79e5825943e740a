/**
 * The link to the monitor of one VM: one connection at a time, replaced whenever it is lost, with the events of the one
 * following those of the other. The monitor is asked to serve the VM again when it has forgotten it.
 */
import { setMaxListeners } from 'node:events';
import path from 'node:path';
import { withDeadline } from '@xenops/core/lifetime';
import { ManagerError } from '../manager/manager-error.ts';
import type { ControlLink } from './control-link.ts';
import { openConnection, type MonitorConnection } from './connection.ts';
import { isObject, type StreamItem, type StreamPosition } from './message-codec.ts';
import {
  ANSWER_TIMEOUT_MS,
  DELAY_MAX_MS,
  FIRST_DELAY_MS,
  type MonitorsOptions,
} from './monitor-options.ts';
import type { MonitorEvent, MonitorState, TaskOptions } from './monitors.ts';
import { hasFired, pause } from './pause.ts';
import { unansweredError } from './monitor-errors.ts';
import { DOMID_FIRST_RESERVED } from '@xenops/core/ids';
import { ProtocolError } from '@xenops/core/errors';

/** The object of the stream that says what the VM itself is like. */
const VM_OBJECT = 'vm';
/** What the monitor publishes; a VM that is served and has no object of its own is off. */
const STATUSES: readonly string[] = [
  ...['creating-domain', 'creating-devices', 'created', 'running', 'paused', 'shutdowning'],
  ...['shutdown', 'rebooting', 'rebooted', 'suspending', 'suspended', 'restoring'],
];
const OFF: MonitorState = { status: 'shutdown', domid: -1 };

export interface VmLinkOptions extends MonitorsOptions {
  readonly uuid: string;
  readonly configPath: string;
  readonly control: ControlLink;
  readonly emit: (event: MonitorEvent) => void;
}

export class VmLink {
  readonly #options: VmLinkOptions;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<(connection: MonitorConnection) => void>();
  readonly #running: Promise<void>;
  #connection: MonitorConnection | undefined;
  #position: StreamPosition | undefined;
  #state: MonitorState | undefined;
  #wasLost = false;

  constructor(options: VmLinkOptions) {
    this.#options = options;
    // One for each call that waits for the link.
    setMaxListeners(0, this.#stop.signal);
    this.#running = this.#run();
  }

  get state(): MonitorState | undefined {
    return this.#state;
  }

  /** Resolves when the link is up. Rejects with ManagerError when it is not in that time. */
  async connected({
    timeoutMs,
    signal,
  }: Required<Pick<TaskOptions, 'timeoutMs'>> & TaskOptions): Promise<MonitorConnection> {
    if (this.#connection?.isOpen === true) return this.#connection;
    const { uuid, clock } = this.#options;
    const what = `the monitor of the VM ${uuid}`;
    try {
      return await withDeadline({ what }, { timeoutMs, signal, clock }, (stop) => this.#wait(stop));
    } catch (error) {
      throw unansweredError(uuid, 'connecting', error);
    }
  }

  /** Gives the link up; the VM stays with its monitor. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('The link was closed'));
    this.#connection?.close();
    await this.#running;
  }

  #wait(stop: AbortSignal): Promise<MonitorConnection> {
    const closing = this.#stop.signal;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(done);
        closing.removeEventListener('abort', end);
        reject(notServed(this.#options.uuid));
      };
      const done = (connection: MonitorConnection): void => {
        closing.removeEventListener('abort', end);
        resolve(connection);
      };
      this.#waiting.add(done);
      stop.addEventListener('abort', end);
      closing.addEventListener('abort', end);
      if (closing.aborted) end();
    });
  }

  async #run(): Promise<void> {
    const { uuid, clock, log } = this.#options;
    const { signal } = this.#stop;
    let delayMs = FIRST_DELAY_MS;
    while (!signal.aborted) {
      try {
        const connection = await this.#connect(signal);
        delayMs = FIRST_DELAY_MS;
        await connection.closed;
        this.#lose();
      } catch (error) {
        if (hasFired(signal)) return;
        const logger = log.child({ vm: uuid });
        logger.log('warn', 'The monitor of the VM cannot be reached; it is tried again', error);
        this.#lose();
        await pause(clock, delayMs, signal);
        delayMs = Math.min(delayMs * 2, DELAY_MAX_MS);
      }
    }
  }

  async #connect(signal: AbortSignal): Promise<MonitorConnection> {
    const { uuid, configPath, control, socketFolder, clock } = this.#options;
    await control.add(uuid, configPath, signal);
    const socketPath = path.join(socketFolder, `vm-${uuid}`);
    const answer = { timeoutMs: ANSWER_TIMEOUT_MS, signal };
    const connection = await openConnection({ socketPath, who: uuid, clock, ...answer });
    try {
      await this.#follow(connection, answer);
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection;
    this.#wasLost = false;
    for (const resolve of this.#waiting) resolve(connection);
    this.#waiting.clear();
    return connection;
  }

  /** Resolves when everything that happened up to now has been told. */
  async #follow(
    connection: MonitorConnection,
    answer: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const goal: { position?: StreamPosition } = {};
    let reached: () => void = () => undefined;
    const look = (): void => {
      const now = this.#position;
      const { position } = goal;
      if (position === undefined || now?.epoch !== position.epoch) return;
      if (now.sequence >= position.sequence) reached();
    };
    const take = (item: StreamItem): void => {
      this.#take(item);
      look();
    };
    goal.position = await connection.subscribe(this.#position, take, answer);
    const { clock, uuid } = this.#options;
    const what = `the state of the VM ${uuid}`;
    await withDeadline({ what }, { ...answer, clock }, () =>
      Promise.race([
        new Promise<void>((resolve) => {
          reached = resolve;
          look();
        }),
        connection.closed.then(() => {
          throw new ProtocolError('PROTOCOL_REMOTE', {
            message: `The monitor closed before ${what}`,
          });
        }),
      ]),
    );
  }

  #lose(): void {
    this.#connection = undefined;
    if (this.#wasLost || this.#stop.signal.aborted) return;
    this.#wasLost = true;
    this.#options.emit({ kind: 'lost', uuid: this.#options.uuid });
  }

  #take(item: StreamItem): void {
    if (item.kind === 'snapshot') {
      this.#position = { epoch: item.epoch, sequence: item.sequence };
      this.#takeState(item.objects.has(VM_OBJECT) ? item.objects.get(VM_OBJECT) : OFF_VALUE);
      return;
    }
    const position = this.#position;
    if (position === undefined || item.sequence !== position.sequence + 1) {
      throw new ProtocolError('PROTOCOL_REMOTE', {
        message: 'The monitor left out an event, or told one twice',
        context: { sequence: item.sequence, after: position?.sequence },
      });
    }
    this.#position = { ...position, sequence: item.sequence };
    if (item.kind === 'set' && item.object === VM_OBJECT) this.#takeState(item.value);
    if (item.kind === 'notice' && item.parts[0] !== 'vm') this.#tellNotice(item.parts);
  }

  #takeState(value: unknown): void {
    const state = stateOf(value);
    const { uuid, emit, log } = this.#options;
    if (state === undefined) {
      log.child({ vm: uuid }).log('warn', 'The monitor tells a state that nobody knows');
      return;
    }
    const before = this.#state;
    if (before?.status === state.status && before.domid === state.domid) return;
    this.#state = state;
    emit({ kind: 'state', uuid, state });
  }

  #tellNotice(parts: readonly string[]): void {
    this.#options.emit({ kind: 'notice', uuid: this.#options.uuid, parts });
  }
}

const OFF_VALUE = { state: OFF.status, domid: null };

/** Undefined for what no monitor says. */
function stateOf(value: unknown): MonitorState | undefined {
  if (!isObject(value)) return undefined;
  const { state, domid } = value;
  if (typeof state !== 'string' || !STATUSES.includes(state)) return undefined;
  if (domid === null || domid === undefined) return { status: state, domid: -1 };
  const isDomid =
    typeof domid === 'number' &&
    Number.isInteger(domid) &&
    domid > 0 &&
    domid < DOMID_FIRST_RESERVED;
  return isDomid ? { status: state, domid } : undefined;
}

function notServed(uuid: string): ManagerError {
  return new ManagerError('NOT_FOUND', {
    message: `The VM ${uuid} is not served any more`,
    context: { uuid },
  });
}
