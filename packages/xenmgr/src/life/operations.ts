/**
 * What is done to one VM: one operation after the other, in the order of asking. A forced stop calls off the operation
 * under way and those that wait, and comes next.
 */
import { hasCode } from '@xenops/core/errors';
import { ManagerError } from '../manager/manager-error.ts';
import { hasFired } from '../monitor/pause.ts';

/** Operations that may wait for one VM; more are refused. */
const WAITING_MAX = 32;

/** How an operation is run. */
export interface OperationOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether it calls off what is under way or waits. */
  readonly overtakes?: boolean;
}

interface Operation {
  readonly name: string;
  readonly stop: AbortController;
}

export class Operations {
  readonly #uuid: string;
  readonly #all = new Set<Operation>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(uuid: string) {
    this.#uuid = uuid;
  }

  /** Names of what is under way and waits, in order. */
  get names(): readonly string[] {
    return [...this.#all].map(({ name }) => name);
  }

  /** Runs it when its turn comes. Rejects with what it rejects with, or ManagerError VM_NOT_READY when it was called off. */
  async run<T>(
    name: string,
    act: (signal: AbortSignal) => Promise<T>,
    { signal, overtakes = false }: OperationOptions = {},
  ): Promise<T> {
    if (overtakes) this.stop(`${name} came in between`);
    if (this.#all.size >= WAITING_MAX) {
      throw this.#refusal(`${WAITING_MAX} operations on it wait already`);
    }
    const operation = { name, stop: new AbortController() };
    const onAbort = (): void => operation.stop.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    this.#all.add(operation);
    const mine = this.#last.then(() => this.#perform(operation, act));
    this.#last = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#all.delete(operation);
    }
  }

  /** Calls off everything. */
  stop(why: string): void {
    for (const { name, stop } of this.#all) stop.abort(this.#refusal(`${name}: ${why}`));
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#last;
  }

  async #perform<T>(
    { name, stop }: Operation,
    act: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { signal } = stop;
    if (signal.aborted) throw this.#calledOff(name, signal);
    try {
      return await act(signal);
    } catch (error) {
      const isOurs = hasFired(signal) && !saysMore(error, signal);
      if (isOurs || hasCode(error, 'ABORTED')) throw this.#calledOff(name, signal);
      throw error;
    }
  }

  #calledOff(name: string, { reason }: AbortSignal): ManagerError {
    return reason instanceof ManagerError
      ? reason
      : this.#refusal(`${name} was called off`, reason);
  }

  #refusal(why: string, cause?: unknown): ManagerError {
    const uuid = this.#uuid;
    return new ManagerError('VM_NOT_READY', {
      message: `The VM ${uuid} cannot do that now: ${why}`,
      context: { uuid },
      cause,
    });
  }
}

/** Whether an error says more than that the operation was called off. */
function saysMore(error: unknown, { reason }: AbortSignal): boolean {
  if (!(error instanceof ManagerError)) return false;
  return error === reason || (error.code !== 'MONITOR_FAILED' && error.code !== 'VM_NOT_READY');
}
