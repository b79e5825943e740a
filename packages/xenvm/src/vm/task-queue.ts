/** The work on one VM: one thing at a time, in order; what overtakes calls off the rest and goes first. */
import { AbortedError } from '@xenops/core/errors';
import { VmError } from '../life/vm-error.ts';

/** Work that may wait for its turn: more than any client has a reason for. */
export const QUEUE_MAX = 64;

export interface Work<T> {
  /** Named in errors and to those who ask what is going on. */
  readonly name: string;
  readonly overtakes: boolean;
  /** Calls it off. */
  readonly signal?: AbortSignal | undefined;
  /** Ends soon after its signal fires, with everything undone that it had begun. */
  readonly run: (signal: AbortSignal) => Promise<T>;
}

interface Waiting {
  readonly name: string;
  readonly overtakes: boolean;
  readonly start: () => Promise<void>;
  readonly refuse: (error: Error) => void;
}

interface Running {
  readonly name: string;
  readonly overtakes: boolean;
  readonly stop: (error: Error) => void;
}

export class TaskQueue implements AsyncDisposable {
  #waiting: Waiting[] = [];
  #running: Running | undefined;
  #isClosed = false;
  #idle: (() => void)[] = [];

  /** Names of what runs and waits, in order. */
  get names(): readonly string[] {
    return [
      ...(this.#running === undefined ? [] : [this.#running.name]),
      ...this.#waiting.map(({ name }) => name),
    ];
  }

  /** Whether work would begin at once. */
  get isIdle(): boolean {
    return this.#running === undefined && this.#waiting.length === 0;
  }

  /** Runs it when its turn comes. Rejects with what it rejects with, VM_BUSY, VM_OVERTAKEN, VM_CLOSING or ABORTED. */
  run<T>(work: Work<T>): Promise<T> {
    const refusal = this.#refusal(work);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise<T>((resolve, reject) => {
      const control = new AbortController();
      const entry: Waiting = {
        name: work.name,
        overtakes: work.overtakes,
        refuse: (error) => {
          forget();
          reject(error);
        },
        start: async () => {
          this.#running = {
            name: work.name,
            overtakes: work.overtakes,
            stop: (error) => control.abort(error),
          };
          try {
            resolve(await work.run(control.signal));
          } catch (error) {
            reject(
              control.signal.reason instanceof VmError ? control.signal.reason : asError(error),
            );
          } finally {
            forget();
          }
        },
      };
      const cancel = (): void => {
        const error = aborted(work);
        const index = this.#waiting.indexOf(entry);
        if (index < 0) control.abort(error);
        else {
          this.#waiting.splice(index, 1);
          entry.refuse(error);
        }
      };
      const forget = (): void => work.signal?.removeEventListener('abort', cancel);
      work.signal?.addEventListener('abort', cancel, { once: true });
      this.#enter(entry);
    });
  }

  /** Takes no more work, calls off what runs and waits, and resolves when nothing runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#callOff(
      () =>
        new VmError('VM_CLOSING', { message: 'The monitor ends; the operation was called off' }),
    );
    await this.idle();
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    if (this.isIdle) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #refusal({ name, signal, overtakes }: Work<unknown>): Error | undefined {
    if (this.#isClosed)
      return new VmError('VM_CLOSING', {
        message: `The monitor ends; it does not ${name} any more`,
      });
    if (signal?.aborted === true)
      return new AbortedError({
        message: `The ${name} was called off before it began`,
        cause: signal.reason,
      });
    if (this.#waiting.length < QUEUE_MAX || overtakes) return undefined;
    return new VmError('VM_BUSY', {
      message: `${QUEUE_MAX} operations wait for this VM already; ${name} must come later`,
    });
  }

  #enter(entry: Waiting): void {
    if (entry.overtakes) {
      const { name } = entry;
      this.#callOff(
        () =>
          new VmError('VM_OVERTAKEN', {
            message: `The operation was called off by ${name}, which is forced`,
            context: { by: name },
          }),
      );
    }
    this.#waiting.push(entry);
    if (this.#running === undefined) void this.#work();
  }

  /** Forced work is let finish: it is on its way to the same end. */
  #callOff(error: () => Error): void {
    if (this.#running?.overtakes === false || this.#isClosed) this.#running?.stop(error());
    const refused = this.#waiting.filter(({ overtakes }) => !overtakes || this.#isClosed);
    this.#waiting = this.#waiting.filter((entry) => !refused.includes(entry));
    for (const { refuse } of refused) refuse(error());
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await next.start();
    }
    this.#running = undefined;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function aborted({ name, signal }: Work<unknown>): AbortedError {
  return new AbortedError({ message: `The ${name} was called off`, cause: signal?.reason });
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error));
