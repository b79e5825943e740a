/** Exit statuses of `xenvm`; callers tell a monitor that is there already by 1. */
export const EXIT = {
  done: 0,
  /** Another monitor has this uuid. */
  duplicate: 1,
  /** A bad command line, or the start failed. */
  failed: 2,
  /** Neither uuid nor config file, or errors in it. */
  config: 3,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];
