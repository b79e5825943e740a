/** The exit statuses of `xc-rpcgen`. */
export const EXIT = {
  done: 0,
  /** The input is invalid or cannot be read, the output cannot be written, or `--check` found stale files. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** `--diff` found changes of the class that `--fail-on` names, or worse. */
  incompatible: 4,
  /** The backend cannot express something of the input. */
  unsupported: 5,
} as const;
