/**
 * Gives back what operations leave in the heap. Node collects old objects only when it needs room, and a monitor that has come to rest needs none: what
 * the start of a hundred VMs has left would stay for as long as they run.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '@xenops/core/host';

/** Without an operation, before it counts as rest. */
const REST_MS = 5000;

/** See the module comment. */
export class HeapTidier implements Disposable {
  readonly #clock: Clock;
  readonly #collect: () => void;
  #timer: Disposable | undefined;
  #hasWorked = false;

  constructor(clock: Clock, collect: () => void = collectGarbage) {
    this.#clock = clock;
    this.#collect = collect;
  }

  /** An operation has ended, or a VM has come. Collects once, when none has for a while. */
  noteWork(): void {
    this.#hasWorked = true;
    if (this.#timer === undefined) this.#wait();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #wait(): void {
    this.#hasWorked = false;
    this.#timer = this.#clock.startTimer(REST_MS, () => {
      if (this.#hasWorked) {
        this.#wait();
        return;
      }
      this.#timer = undefined;
      this.#collect();
    });
  }
}

/**
 * What is left is moved together too: operations side by side leave it spread over pages that hold little else. The function is there in contexts
 * that are made after the flag was set; this one goes with what it collects.
 */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  setFlagsFromString('--compact-on-every-full-gc');
  runInNewContext('gc()');
  setFlagsFromString('--no-compact-on-every-full-gc');
}
