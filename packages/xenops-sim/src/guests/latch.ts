/** A gate that can be waited for: open, waiting takes no time; closed, until it opens or the signal fires. */
export class Latch {
  #isOpen: boolean;
  readonly #waiting = new Set<() => void>();

  constructor(isOpen: boolean) {
    this.#isOpen = isOpen;
  }

  open(): void {
    this.#isOpen = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  close(): void {
    this.#isOpen = false;
  }

  /** Resolves once the gate is open. Rejects with `gone()` when the signal fires first. */
  async wait(signal: AbortSignal, gone: () => Error): Promise<void> {
    while (!this.#isOpen && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const resume = (): void => {
          signal.removeEventListener('abort', resume);
          this.#waiting.delete(resume);
          resolve();
        };
        this.#waiting.add(resume);
        signal.addEventListener('abort', resume, { once: true });
      });
    }
    if (signal.aborted) throw gone();
  }
}
