import { BusError } from '../errors.ts';

/**
 * A value that does not fit its type, on its way out of the encoder: each container adds where in it the value
 * stands. It never leaves this folder; `encodeBody` turns it into a BusError.
 */
export class BadValue extends Error {
  readonly wanted: string;
  #path = '';

  constructor(wanted: string) {
    super(wanted);
    this.wanted = wanted;
  }

  /** Puts a step such as `[1]` or `.key` before the path. */
  within(step: string): this {
    this.#path = step + this.#path;
    return this;
  }

  /** The error for the caller; `root` is what the path starts from, such as `args`. */
  toBusError(root: string): BusError {
    const path = root + this.#path;
    return new BusError('DBUS_BAD_VALUE', {
      message: `The value of ${path} cannot be sent: ${this.wanted}`,
      context: { path },
    });
  }
}

/** Gives the error for a value; `wanted` says what would be right. */
export function badValue(wanted: string): BadValue {
  return new BadValue(wanted);
}

/** Adds a step to an error that is a BadValue and gives it back. */
export function within(error: unknown, step: string): unknown {
  return error instanceof BadValue ? error.within(step) : error;
}
