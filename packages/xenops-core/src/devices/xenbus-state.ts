/** States of the two ends of a device (`enum xenbus_state`, xen/include/public/io/xenbus.h). */
export const XENBUS = {
  unknown: 0,
  initialising: 1,
  initWait: 2,
  initialised: 3,
  connected: 4,
  closing: 5,
  closed: 6,
  reconfiguring: 7,
  reconfigured: 8,
} as const;
export type XenbusState = (typeof XENBUS)[keyof typeof XENBUS];

/** The names that listings show, by number. */
export const XENBUS_STATE_NAMES = [
  'unknown',
  'initialising',
  'initwait',
  'initialised',
  'connected',
  'closing',
  'closed',
  'reconfiguring',
  'reconfigured',
] as const;

/** What the text of a `state` node says. Guests write such nodes: anything that is no state is `unknown`, an absent node undefined. */
export function parseXenbusState(text: string | undefined): XenbusState | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-8]$/.test(text) ? Number(text) : XENBUS.unknown;
  return Object.values(XENBUS).find((state) => state === value);
}
