import { BusError } from './errors.ts';

/** Items for one consumer that asks for them in its own time; past its limit the consumer gets an error. */
export class SignalQueue<T> implements AsyncIterableIterator<T> {
  readonly #limit: number;
  readonly #onEnd: () => void;
  readonly #items: T[] = [];
  #waiting: PromiseWithResolversOf<IteratorResult<T>> | undefined;
  #end: { readonly error: Error | undefined } | undefined;

  /** `onEnd` is called once, when no item will be taken any more. */
  constructor(limit: number, onEnd: () => void) {
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  /** Adds an item. */
  push(item: T): void {
    if (this.#end !== undefined) return;
    if (this.#waiting !== undefined) {
      this.#waiting.resolve({ done: false, value: item });
      this.#waiting = undefined;
    } else if (this.#items.length < this.#limit) {
      this.#items.push(item);
    } else {
      this.fail(
        new BusError('DBUS_LIMIT', {
          message: 'Signals came faster than they were fetched',
          context: { limit: this.#limit },
        }),
      );
    }
  }

  /** Ends the iteration with an error, after what is queued. */
  fail(error: Error): void {
    this.#finish(error);
  }

  async next(): Promise<IteratorResult<T>> {
    const item = this.#items.shift();
    if (item !== undefined) return { done: false, value: item };
    if (this.#end?.error !== undefined) throw this.#end.error;
    if (this.#end !== undefined) return { done: true, value: undefined };
    this.#waiting ??= withResolvers();
    return this.#waiting.promise;
  }

  async return(): Promise<IteratorResult<T>> {
    this.#items.length = 0;
    this.#finish(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (error === undefined) this.#waiting?.resolve({ done: true, value: undefined });
    else this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#onEnd();
  }
}

interface PromiseWithResolversOf<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function withResolvers<T>(): PromiseWithResolversOf<T> {
  let resolve: ((value: T) => void) | undefined;
  let reject: ((error: Error) => void) | undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  if (resolve === undefined || reject === undefined) throw new TypeError('A promise did not start');
  return { promise, resolve, reject };
}
