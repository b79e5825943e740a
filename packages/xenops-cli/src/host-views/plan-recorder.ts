import { XenopsError } from '@xenops/core/errors';
import type { PlanStep } from './plan-step.ts';

/** Ends a command whose plan goes no further. */
export class PlanEnd extends XenopsError<'PLAN_END'> {
  constructor() {
    super('PLAN_END', { message: 'The plan ends here' });
  }
}

/** Keeps the steps of a plan, and knows when the command is only waiting. */
export class PlanRecorder {
  #steps: PlanStep[] = [];
  #isEnded = false;
  #pendingCount = 0;

  get steps(): readonly PlanStep[] {
    return this.#steps;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Adds a step. What comes after the end is the command undoing what it believes to have done. */
  add(step: PlanStep): void {
    if (!this.#isEnded) this.#steps.push(step);
  }

  /** Gathers the steps of `body` as one. */
  async gather<T>(body: () => Promise<T>): Promise<T> {
    const outer = this.#steps;
    const inner: PlanStep[] = [];
    this.#steps = inner;
    try {
      return await body();
    } finally {
      this.#steps = outer;
      if (inner.length > 0) this.add({ kind: 'transaction', steps: inner });
    }
  }

  /** Counts a question to the real host as under way. */
  async ask<T>(question: () => T | Promise<T>): Promise<T> {
    this.#pendingCount += 1;
    try {
      return await question();
    } finally {
      this.#pendingCount -= 1;
    }
  }

  /** Resolves when the command asks nothing more: it waits. */
  async idle(): Promise<void> {
    for (let quietTurns = 0; quietTurns < QUIET_TURNS; quietTurns += 1) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
      if (this.#pendingCount > 0) quietTurns = 0;
    }
  }

  /** Nothing that this plan can bring about changes these: it ends. */
  end(paths: readonly string[]): PlanEnd {
    this.add({ kind: 'wait', paths });
    this.#isEnded = true;
    return new PlanEnd();
  }
}

/** Turns of the event loop without a question: more than any chain of promises between two of them takes. */
const QUIET_TURNS = 3;
