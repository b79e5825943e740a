// What long work says about itself while it goes on.

export interface Progress {
  /** A new stage of the work begins. */
  stage(title: string): void;
  /** The work is over: an unfinished line on a terminal is ended. */
  end(): void;
}

/** Says nothing: the library's default. */
export const silentProgress: Progress = { stage: () => undefined, end: () => undefined };

/** One line per stage: rewritten with its duration on a terminal, written once elsewhere (a CI log). */
export function streamProgress(stream: NodeJS.WriteStream): Progress {
  let current: { readonly title: string; readonly startedAt: number } | undefined;
  const end = (): void => {
    if (current === undefined) return;
    const seconds = ((performance.now() - current.startedAt) / 1000).toFixed(1);
    if (stream.isTTY) stream.write(`\r${current.title}: ${seconds} s\n`);
    current = undefined;
  };
  return {
    stage: (title) => {
      end();
      current = { title, startedAt: performance.now() };
      stream.write(stream.isTTY ? `${title} ...` : `${title}\n`);
    },
    end,
  };
}
