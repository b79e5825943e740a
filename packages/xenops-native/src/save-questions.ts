/** What the thread that saves asks on its way, put to the caller's functions. */
import { AsyncResource } from 'node:async_hooks';
import type { SaveSpec } from '@xenops/core/hypervisor';
import type { AddonSaveQuestion } from './addon-build.ts';

/** Answers of the library's callbacks (xenguest.h, `struct save_callbacks`). */
const SUSPENDED = 1;
const NOT_SUSPENDED = 0;
const SWITCHED = 0;
const NOT_SWITCHED = -1;
const POLICY = { continue: 0, suspend: 1, abort: -1 } as const;

type Callbacks = Pick<SaveSpec, 'suspend' | 'setQemuDirtyTracking' | 'onRound'>;

export class SaveQuestions {
  readonly #callbacks: Callbacks;
  /** Every question so far. The thread waits for each, but after an abort it may ask another. */
  #asked: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(callbacks: Callbacks) {
    this.#callbacks = callbacks;
  }

  /** What the first of the caller's functions that failed threw. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Answers by `reply`, now or later; never throws. In the asynchronous context of who saves: see `Connection.run`. */
  readonly ask: (question: AddonSaveQuestion, reply: (answer: number) => void) => void =
    AsyncResource.bind((question, reply) => {
      this.#asked = Promise.all([this.#asked, this.#answer(question).then(reply)]);
    });

  /** Resolves once none of the caller's functions is under way. */
  async settle(): Promise<void> {
    await this.#asked;
  }

  async #answer(question: AddonSaveQuestion): Promise<number> {
    const { suspend, setQemuDirtyTracking, onRound } = this.#callbacks;
    try {
      switch (question.kind) {
        case 'suspend':
          await suspend();
          return SUSPENDED;
        case 'dirty-tracking':
          // Asked of every hardware container; one without a device model has nothing to track.
          await setQemuDirtyTracking?.(question.enabled);
          return SWITCHED;
        case 'round':
          return POLICY[onRound?.(question) ?? 'abort'];
      }
    } catch (error) {
      this.#failure ??= { error };
      return REFUSAL[question.kind];
    }
  }
}

const REFUSAL: Readonly<Record<AddonSaveQuestion['kind'], number>> = {
  suspend: NOT_SUSPENDED,
  'dirty-tracking': NOT_SWITCHED,
  round: POLICY.abort,
};
