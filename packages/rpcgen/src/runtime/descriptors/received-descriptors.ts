import { closeSync } from 'node:fs';
import type { DescriptorList } from '../wire/reader.ts';

/** The descriptors of one message. Each value of type `h` gets one of its own, however often the message names it. */
export class ReceivedDescriptors implements DescriptorList {
  readonly #all: readonly number[];
  readonly #taken: number[] = [];
  readonly #duplicate: (descriptor: number) => number;

  constructor(all: readonly number[], duplicate: (descriptor: number) => number) {
    this.#all = all;
    this.#duplicate = duplicate;
  }

  get length(): number {
    return this.#all.length;
  }

  take(index: number): number | undefined {
    const descriptor = this.#all[index];
    if (descriptor === undefined) return undefined;
    const taken = this.#taken.includes(descriptor) ? this.#duplicate(descriptor) : descriptor;
    this.#taken.push(taken);
    return taken;
  }

  /** Closes those that nobody took. */
  closeUntaken(): void {
    for (const one of this.#all) if (!this.#taken.includes(one)) closeSync(one);
  }

  /** Closes those that were taken too: the values did not reach anybody. */
  closeAll(): void {
    for (const one of this.#taken.splice(0)) if (!this.#all.includes(one)) closeSync(one);
    for (const one of this.#all) closeSync(one);
    this.#taken.push(...this.#all);
  }
}
