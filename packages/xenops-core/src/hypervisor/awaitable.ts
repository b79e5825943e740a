/** A value now, or by promise: an addon answers cheap calls at once, a remote host cannot. */
export type Awaitable<T> = T | Promise<T>;
