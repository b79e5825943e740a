import { CACHE_ENTRIES_MAX } from '../limits.ts';

/**
 * Remembers what a function made of a string. When it is full everything is forgotten at once: that costs nothing to
 * keep book of, and peers that send ever new strings only make it slower.
 */
export class BoundedCache<T> {
  readonly #entries = new Map<string, T>();
  readonly #make: (key: string) => T;

  constructor(make: (key: string) => T) {
    this.#make = make;
  }

  /** What belongs to the key. What the function throws is passed on and not remembered. */
  get(key: string): T {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const made = this.#make(key);
    if (this.#entries.size >= CACHE_ENTRIES_MAX) this.#entries.clear();
    this.#entries.set(key, made);
    return made;
  }
}
