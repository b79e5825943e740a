/** Why a domain shut down, with Xen's codes (`SHUTDOWN_*`, xen/include/public/sched.h). */
const CODES = {
  poweroff: 0,
  reboot: 1,
  suspend: 2,
  crash: 3,
  watchdog: 4,
  'soft-reset': 5,
} as const;

export type ShutdownReason = keyof typeof CODES;

/** A reason as Xen reports it; a code of a newer Xen stays a number. */
export type SeenShutdownReason = ShutdownReason | `unknown-${number}`;

export const SHUTDOWN_REASONS: readonly ShutdownReason[] = [
  'poweroff',
  'reboot',
  'suspend',
  'crash',
  'watchdog',
  'soft-reset',
];

/** Xen's number for the reason. */
export function shutdownCode(reason: ShutdownReason): number {
  return CODES[reason];
}

/** The reason for Xen's number. */
export function shutdownReason(code: number): SeenShutdownReason {
  return SHUTDOWN_REASONS[code] ?? `unknown-${code}`;
}
