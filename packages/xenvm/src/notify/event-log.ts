/**
 * What happens to a VM, as a stream that can be resumed. The log holds the state of each object (`vm`, `vbd/51712`) and
 * the last deltas, numbered. A reader is a cursor into them: nothing is queued for it, so that one who never comes costs
 * nothing. One who asks for what has been forgotten, or for a log of an earlier process, gets a snapshot first.
 */
import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '../rpc/json-text-codec.ts';

/** Deltas that are remembered. */
export const HISTORY_MAX = 1024;

/** Where a reader is: in which log, and the last number it has seen. */
export interface EventPosition {
  /** Which run of the daemon; numbers of another one mean nothing here. */
  readonly epoch: string;
  readonly sequence: number;
}

/** What a VM reports; each takes the next number. */
export type EventChange =
  /** An object is now so. */
  | { readonly kind: 'set'; readonly object: string; readonly value: JsonValue }
  | { readonly kind: 'removed'; readonly object: string }
  /** One of the historical notifications, see `notification.ts`. */
  | { readonly kind: 'notice'; readonly code: number; readonly parts: readonly string[] };

/** A change with its number. */
export type EventDelta = EventChange & { readonly sequence: number };

/** Everything as it is after the change of that number. */
export interface EventSnapshot extends EventPosition {
  readonly kind: 'snapshot';
  readonly objects: Readonly<Record<string, JsonValue>>;
}

export type EventItem = EventSnapshot | EventDelta;

/** A cursor. */
export interface EventReader extends Disposable {
  /** The next item; undefined when there is none yet. */
  next(): EventItem | undefined;
}

/** The log for those who only read. */
export interface EventSource {
  snapshot(): EventSnapshot;
  /** Reads on from a position, or from a snapshot; `onMore` is called after each change. */
  read(from: EventPosition | undefined, onMore: () => void): EventReader;
}

/** See the module comment. */
export class EventLog implements EventSource {
  readonly epoch: string;
  readonly #historyMax: number;
  readonly #objects = new Map<string, JsonValue>();
  readonly #history: EventDelta[] = [];
  readonly #listeners = new Set<() => void>();
  #sequence = 0;

  constructor(epoch: string, historyMax: number = HISTORY_MAX) {
    this.epoch = epoch;
    this.#historyMax = historyMax;
  }

  /** An object is now so. Nothing happens when it was before. */
  set(object: string, value: JsonValue): void {
    if (this.#objects.has(object) && isDeepStrictEqual(this.#objects.get(object), value)) return;
    this.#objects.set(object, value);
    this.#append({ kind: 'set', object, value });
  }

  /** An object is gone. */
  remove(object: string): void {
    if (this.#objects.delete(object)) this.#append({ kind: 'removed', object });
  }

  /** Puts a notification between the changes, so that readers see both in their order. */
  notice(code: number, parts: readonly string[]): void {
    this.#append({ kind: 'notice', code, parts });
  }

  snapshot(): EventSnapshot {
    const objects = Object.fromEntries(this.#objects);
    return { kind: 'snapshot', epoch: this.epoch, sequence: this.#sequence, objects };
  }

  read(from: EventPosition | undefined, onMore: () => void): EventReader {
    // Below every number, so that the first item is a snapshot.
    let last = from?.epoch === this.epoch ? from.sequence : -1;
    this.#listeners.add(onMore);
    return {
      next: () => {
        const item = this.#after(last);
        last = item?.sequence ?? last;
        return item;
      },
      [Symbol.dispose]: () => void this.#listeners.delete(onMore),
    };
  }

  #after(sequence: number): EventItem | undefined {
    if (sequence === this.#sequence) return undefined;
    const forgotten = this.#sequence - this.#history.length;
    const isKnown = sequence >= forgotten && sequence < this.#sequence;
    return isKnown ? this.#history[sequence - forgotten] : this.snapshot();
  }

  #append(change: EventChange): void {
    this.#sequence += 1;
    this.#history.push({ ...change, sequence: this.#sequence });
    if (this.#history.length > this.#historyMax) this.#history.shift();
    for (const listener of [...this.#listeners]) listener();
  }
}
