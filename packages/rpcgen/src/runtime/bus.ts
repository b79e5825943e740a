/**
 * A bus as programs see it: calls, signals, names and exported objects, over one connection at a time. With
 * `reconnect` a lost connection is replaced: match rules, names and watched owners are set up again, and listeners
 * of `onStateChange` are told, because signals may have been missed in between.
 */
import {
  BusNames,
  subscription,
  type NameOptions,
  type OwnerListener,
  type Subscription,
} from './bus-names.ts';
import { BusSignals } from './bus-signals.ts';
import type {
  BusState,
  CallOptions,
  CallTarget,
  ConnectOptions,
  PreparedCall,
} from './bus-options.ts';
import { callFlags, Connection, type Outgoing } from './connection.ts';
import { openDescriptorStream } from './descriptors/open-stream.ts';
import { DRIVER, DRIVER_METHODS, type DriverMethod } from './driver.ts';
import { BusError } from './errors.ts';
import { HELLO_SERIAL, openStream } from './library.ts';
import { DEFAULT_LIMITS, MESSAGE_BYTES_MAX, type BusLimits } from './limits.ts';
import { asBusError, readError, readHello, unexpectedSignature } from './replies.ts';
import { ObjectTree } from './server/object-tree.ts';
import type { ReceivedSignal } from './signal-router.ts';
import { pause } from './time/deadline.ts';
import { bodyCodec } from './wire/body-codec.ts';
import { isUniqueName } from './wire/names.ts';
import { MESSAGE_TYPE, readBody, renderHeader, type IncomingMessage } from './wire/message.ts';
import type { SignalRule } from './wire/match-rule.ts';

/** Connects to a bus. Throws BusError `DBUS_CONNECT_FAILED`, `TIMEOUT` or `ABORTED`. */
export async function connectBus(options: ConnectOptions): Promise<Bus> {
  const bus = new Bus(options);
  await bus.open(options.signal);
  return bus;
}

/** A connection to a bus. Made by `connectBus`. */
export class Bus implements AsyncDisposable {
  readonly limits: BusLimits;
  readonly #options: ConnectOptions;
  readonly #signals: BusSignals;
  readonly #names: BusNames;
  readonly #objects: ObjectTree;
  readonly #stateListeners = new Set<(state: BusState) => void>();
  readonly #stop = new AbortController();
  readonly #prepared = new Map<DriverMethod, PreparedCall<readonly unknown[]>>();
  #connection: Connection | undefined;
  #uniqueName = '';
  #keepsAlive = true;
  #closedBy: BusError | undefined;
  #isReconnecting = false;
  #reconnecting: Promise<void> = Promise.resolve();

  constructor(options: ConnectOptions) {
    this.#options = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.limits = {
      ...limits,
      messageBytesMax: Math.min(limits.messageBytesMax, MESSAGE_BYTES_MAX),
    };
    this.#signals = new BusSignals({
      add: async (rule) => {
        await this.callDriver('AddMatch', [rule]);
      },
      remove: (rule) => this.#forgetRule(rule),
      report: (error) => this.#report(error),
      queuedSignalsMax: limits.queuedSignalsMax,
    });
    this.#names = new BusNames({
      callDriver: (method, args) => this.callDriver(method, args),
      subscribeRaw: (rule, deliver) => this.#signals.subscribe(rule, deliver, () => DRIVER.name),
    });
    this.#objects = new ObjectTree({
      send: (message, replySerial) => this.#sendReply(message, replySerial),
      emit: (message) => this.#emit(message),
      callDriver: (method, args) => this.callDriver(method, args),
      uniqueName: () => this.#uniqueName,
      report: (error) => this.#report(error),
      mapError: (error) => options.mapError?.(error),
    });
  }

  /** The name that the bus gave this connection; another one after a reconnection. */
  get uniqueName(): string {
    return this.#uniqueName;
  }

  /** Objects exported here. */
  get objects(): ObjectTree {
    return this.#objects;
  }

  /** How many match rules the bus holds for us. */
  get matchRuleCount(): number {
    return this.#signals.ruleCount;
  }

  /** How many calls wait for a reply. */
  get pendingCallCount(): number {
    return this.#connection?.pendingCount ?? 0;
  }

  /** Called by `connectBus`. */
  async open(signal: AbortSignal | undefined): Promise<void> {
    const { address, timeoutMs, openSocket } = this.#options;
    const how = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    const stream = await (openSocket === undefined
      ? openStream(address, how)
      : openDescriptorStream(address, openSocket, how));
    const connection = new Connection(stream, {
      limits: this.limits,
      serial: HELLO_SERIAL,
      events: {
        onMessage: (message) => this.#onMessage(message),
        onClosed: (reason) => this.#onClosed(connection, reason),
      },
    });
    connection.keepsAlive = this.#keepsAlive;
    const hello = connection.waitForReply(HELLO_SERIAL, { timeoutMs, signal, decode: readHello });
    const uniqueName = await hello;
    if (connection.closedBy !== undefined) throw connection.closedBy;
    this.#uniqueName = uniqueName;
    this.#connection = connection;
  }

  /** Lets the process end although the connection is open. Calls that wait for a reply still hold it. */
  unref(): void {
    this.#setKeepsAlive(false);
  }

  /** The opposite of `unref`, and how a connection starts. */
  ref(): void {
    this.#setKeepsAlive(true);
  }

  /** Calls back when the connection is lost, back again, or closed for good. */
  onStateChange(listener: (state: BusState) => void): Subscription {
    this.#stateListeners.add(listener);
    return subscription(() => this.#stateListeners.delete(listener));
  }

  /** Sends what is queued and closes. Pending calls are rejected with `DBUS_CLOSED`. Harmless the second time. */
  async close(): Promise<void> {
    const reason = new BusError('DBUS_CLOSED', { message: 'The connection to the bus was closed' });
    this.#closedBy ??= reason;
    this.#stop.abort();
    this.#connection?.close(reason);
    await this.#reconnecting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Prepares calls to one method, which give what `pick` makes of the values of the reply.
   * Throws `DBUS_BAD_NAME`, `DBUS_BAD_SIGNATURE`.
   */
  prepare<T>(target: CallTarget, pick: (values: readonly unknown[]) => T): PreparedCall<T> {
    const { destination, path, member, input, output, errors = [] } = target;
    const template = renderHeader(MESSAGE_TYPE.call, {
      destination,
      path,
      interface: target.interface,
      member,
      signature: input,
    });
    const decode = (reply: IncomingMessage): T => {
      if (reply.type === MESSAGE_TYPE.error) throw readError(reply, errors);
      if (reply.signature !== output) throw unexpectedSignature(target, reply.signature);
      return pick(readBody(reply));
    };
    return { template, codec: bodyCodec(input), target, decode, pick };
  }

  /**
   * Makes a prepared call; for a method without a reply there are no values.
   * Rejects with DbusError for an error reply, and with BusError for everything else.
   */
  callPrepared<T>(
    prepared: PreparedCall<T>,
    values: readonly unknown[],
    options?: CallOptions,
  ): Promise<T> {
    // Not an async function: what it would wrap around the promise of the connection is felt with many calls.
    try {
      return this.#start(prepared, values, options ?? NO_OPTIONS);
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it is
      return Promise.reject(error);
    }
  }

  #start<T>(
    { template, codec, target, decode, pick }: PreparedCall<T>,
    values: readonly unknown[],
    options: CallOptions,
  ): Promise<T> {
    const connection = this.#connected();
    const { noAutoStart, interactive } = options;
    const flags = callFlags({ noReply: target.noReply, noAutoStart, interactive });
    const message = { template, codec, values, flags };
    if (target.noReply === true) {
      connection.send(message);
      return Promise.resolve(pick([]));
    }
    const timeoutMs = options.timeoutMs ?? target.timeoutMs ?? this.#options.timeoutMs;
    return connection.call(message, { timeoutMs, signal: options.signal, decode });
  }

  /** Makes one call and gives the values of its reply. As `callPrepared`. */
  async call(
    target: CallTarget,
    values: readonly unknown[],
    options?: CallOptions,
  ): Promise<readonly unknown[]> {
    return this.callPrepared(this.prepare(target, allValues), values, options);
  }

  /** Calls a method of the bus itself. */
  async callDriver(method: DriverMethod, args: readonly unknown[]): Promise<readonly unknown[]> {
    let prepared = this.#prepared.get(method);
    if (prepared === undefined) {
      const { name: destination, interface: owner, path } = DRIVER;
      const target = { destination, path, interface: owner, member: method };
      prepared = this.prepare({ ...target, ...DRIVER_METHODS[method] }, allValues);
      this.#prepared.set(method, prepared);
    }
    return this.callPrepared(prepared, args);
  }

  /** Becomes the owner of a name, until it is released or the bus is closed. Rejects with `DBUS_NAME_TAKEN`. */
  async requestName(name: string, options: NameOptions = {}): Promise<'owner' | 'queued'> {
    return this.#names.request(name, options);
  }

  /** Gives a name back. */
  async releaseName(name: string): Promise<void> {
    await this.#names.release(name);
  }

  /** The unique name of the owner of a name, or undefined. */
  async findNameOwner(name: string): Promise<string | undefined> {
    return this.#names.findOwner(name);
  }

  /** Calls back with the owner of a name now, and whenever it changes or goes away. */
  async watchName(name: string, listener: OwnerListener): Promise<Subscription> {
    return this.#names.watch(name, (owner) => this.#guard(() => listener(owner)));
  }

  /**
   * Calls back for every signal that the rule wants. With a `sender` only signals that this sender, or the owner of
   * that name at the time, has sent. Resolves when the bus has the rule.
   */
  async subscribe(
    rule: SignalRule,
    listener: (signal: ReceivedSignal) => void,
  ): Promise<Subscription> {
    const { sender } = rule;
    if (sender === undefined) return this.#signals.subscribe(rule, listener, () => undefined);
    if (sender === DRIVER.name || isUniqueName(sender)) {
      return this.#signals.subscribe(rule, listener, () => sender);
    }
    const owner = await this.#names.watch(sender, () => undefined);
    try {
      const signals = await this.#signals.subscribe(
        rule,
        listener,
        () => this.#names.ownerNow(sender) ?? '',
      );
      return subscription(() => {
        signals.close();
        owner.close();
      });
    } catch (error) {
      owner.close();
      throw error;
    }
  }

  /**
   * The signals that a rule wants, one after the other; resolves when none can be missed any more. The iteration ends
   * when the consumer stops or the signal fires, and throws when the bus is closed, or `DBUS_LIMIT` when the consumer
   * is too slow.
   */
  async signals(
    rule: SignalRule,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<AsyncIterableIterator<ReceivedSignal>> {
    return this.openQueue((deliver) => this.subscribe(rule, deliver), options);
  }

  /** As `signals`, for anything that is delivered. */
  async openQueue<T>(
    subscribe: (deliver: (item: T) => void) => Promise<Subscription>,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<AsyncIterableIterator<T>> {
    return this.#signals.openQueue(subscribe, signal);
  }

  #onMessage(message: IncomingMessage): void {
    if (message.type === MESSAGE_TYPE.call) this.#objects.handleCall(message);
    else this.#signals.deliver(message);
  }

  #onClosed(connection: Connection, reason: BusError): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#uniqueName = '';
    this.#objects.forgetCallers();
    if (this.#isReconnecting) return;
    const { reconnect } = this.#options;
    if (this.#closedBy !== undefined || reconnect === undefined) {
      this.#finish(this.#closedBy ?? reason);
      return;
    }
    this.#tell({ kind: 'disconnected', reason });
    this.#names.forget();
    this.#reconnecting = this.#reconnect(reconnect);
  }

  #finish(reason: BusError): void {
    this.#closedBy = reason;
    this.#signals.failAll(reason);
    this.#tell({ kind: 'closed', reason });
    this.#names.forget();
  }

  async #reconnect({
    firstDelayMs,
    delayMaxMs,
  }: {
    readonly firstDelayMs: number;
    readonly delayMaxMs: number;
  }): Promise<void> {
    const { signal } = this.#stop;
    this.#isReconnecting = true;
    for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, delayMaxMs)) {
      await pause(delayMs, signal);
      try {
        await this.open(signal);
        await this.#signals.restore();
        await this.#names.restore();
        this.#connected();
        break;
      } catch (error) {
        this.#connection?.close(asBusError(error));
        if (signal.aborted) {
          this.#finish(this.#closedBy ?? asBusError(error));
          return;
        }
      }
    }
    this.#isReconnecting = false;
    this.#tell({ kind: 'reconnected', uniqueName: this.#uniqueName });
  }

  #forgetRule(rule: string): void {
    if (this.#connection === undefined) return;
    const { name: destination, interface: owner, path } = DRIVER;
    const target = { destination, path, interface: owner, member: 'RemoveMatch', input: 's' };
    const { template, codec } = this.prepare({ ...target, output: '' }, allValues);
    const flags = callFlags({ noReply: true });
    this.#connection.send({ template, codec, values: [rule], flags });
  }

  /** A reply for a connection that is gone has nobody to go to. */
  #sendReply(message: Outgoing, replySerial: number): void {
    this.#connection?.send(message, replySerial);
  }

  #emit(message: Outgoing): void {
    this.#connected().send(message);
  }

  #connected(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    throw (
      this.#closedBy ??
      new BusError('DBUS_CLOSED', { message: 'The connection to the bus is lost for the moment' })
    );
  }

  #setKeepsAlive(keepsAlive: boolean): void {
    this.#keepsAlive = keepsAlive;
    if (this.#connection !== undefined) this.#connection.keepsAlive = keepsAlive;
  }

  #tell(state: BusState): void {
    for (const listener of [...this.#stateListeners]) this.#guard(() => listener(state));
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    const { onUnexpected } = this.#options;
    if (onUnexpected !== undefined) onUnexpected(error);
    else {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

const NO_OPTIONS: CallOptions = {};

/** For `prepare`: a call gives all values of its reply. */
export function allValues(values: readonly unknown[]): readonly unknown[] {
  return values;
}
