interface Step {
  readonly what: string;
  readonly undo: () => void | Promise<void>;
}

/**
 * Undo of a multi-step operation. Each acquisition pushes its release; leaving the scope by an error runs them in
 * reverse, all of them, even when some fail. Success calls `release()` first and nothing is undone.
 */
export class CleanupStack implements AsyncDisposable {
  readonly #steps: Step[] = [];

  /** Registers the undo of what was just acquired; `what` names it in the report of a failed undo. */
  push(what: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /** Keeps everything: there is nothing to undo any more. */
  release(): void {
    this.#steps.length = 0;
  }

  /** Undoes everything now, newest first. Rejects with an AggregateError of all steps that failed. */
  async unwind(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (cause) {
        failures.push(new Error(`Undoing failed: ${step.what}`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be undone');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unwind();
  }
}
