/**
 * The events of one VM, handled one after the other in the order of their arrival. What takes long, such as starting
 * the VM again or running a hook, a handler gives away as a job: jobs run beside the queue, so that neither a slow
 * guest nor a hook holds up the next event, and queues of different VMs never wait for each other.
 */

/** Events that wait in one queue. A VM reports a few per second at most; more is a fault or an attack. */
export const QUEUE_MAX = 10_000;

/** What a handler can do besides handling. */
export interface EventContext {
  /** Starts a job and goes on. Its signal fires when the queue is closed; what it throws goes to `onError`. */
  readonly startJob: (name: string, job: (signal: AbortSignal) => Promise<void>) => void;
}

/** Handles one event. The queue waits for it, so that it must not wait for a guest. */
export type EventHandler<Event> = (event: Event, context: EventContext) => void | Promise<void>;

export interface EventQueueOptions<Event> {
  readonly handlers: readonly EventHandler<Event>[];
  /** Takes what a handler or job throws, with what it was doing; the next handler runs all the same. */
  readonly onError: (error: unknown, doing: string) => void;
}

export class EventQueue<Event> implements AsyncDisposable {
  readonly #handlers: readonly EventHandler<Event>[];
  readonly #onError: (error: unknown, doing: string) => void;
  readonly #closing = new AbortController();
  readonly #jobs = new Set<Promise<void>>();
  #events: Event[] = [];
  #running: Promise<void> | undefined;

  constructor({ handlers, onError }: EventQueueOptions<Event>) {
    this.#handlers = handlers;
    this.#onError = onError;
  }

  /** Adds an event; false when the queue is full or closed, and the event is lost. */
  post(event: Event): boolean {
    if (this.#closing.signal.aborted || this.#events.length >= QUEUE_MAX) return false;
    this.#events.push(event);
    this.#running ??= this.#run();
    return true;
  }

  /** Resolves once all events so far are handled; not the jobs. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Takes no more events, drops those that wait, tells the jobs to stop and waits for them. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#events = [];
    await this.drained();
    await Promise.all(this.#jobs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#events.length > 0) {
      // Taken in batches: shifting one by one out of a long list takes time that grows with its length.
      for (const event of this.#events.splice(0)) await this.#handle(event);
    }
    this.#running = undefined;
  }

  async #handle(event: Event): Promise<void> {
    const context: EventContext = { startJob: (name, job) => this.#startJob(name, job) };
    for (const handler of this.#handlers) {
      if (this.#closing.signal.aborted) return;
      try {
        await handler(event, context);
      } catch (error) {
        this.#onError(error, 'handling an event');
      }
    }
  }

  #startJob(name: string, job: (signal: AbortSignal) => Promise<void>): void {
    if (this.#closing.signal.aborted) return;
    const running = Promise.resolve()
      .then(() => job(this.#closing.signal))
      .catch((error: unknown) => this.#onError(error, name))
      .finally(() => this.#jobs.delete(running));
    this.#jobs.add(running);
  }
}
