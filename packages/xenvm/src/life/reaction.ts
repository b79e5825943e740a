/** What to do about a guest that has ended by itself. Pure. */
import type { SeenShutdownReason } from '@xenops/core/hypervisor';
import type { EndAction, VmConfig } from '../config/vm-config.ts';

/** How a guest ended, in the words of the old monitor; `shutdown[N]` for a reason that a newer Xen has. */
export type GuestEnd =
  | 'halted'
  | 'rebooted'
  | 'suspended'
  | 'crashed'
  | 'watchdog'
  | 'soft-reset'
  | 'vanished'
  | `shutdown[${number}]`;

const ENDS: Readonly<Record<string, GuestEnd>> = {
  poweroff: 'halted',
  reboot: 'rebooted',
  suspend: 'suspended',
  crash: 'crashed',
  watchdog: 'watchdog',
  'soft-reset': 'soft-reset',
  gone: 'vanished',
};

/** The end for Xen's reason; `gone` is a domain that somebody else destroyed, undefined one that dies without having shut down. */
export function guestEnd(reason: SeenShutdownReason | 'gone' | undefined): GuestEnd {
  if (reason === undefined) return 'crashed';
  const known = ENDS[reason];
  if (known !== undefined) return known;
  return `shutdown[${Number(/\d+$/.exec(reason)?.[0] ?? 0)}]`;
}

/** What is known when a guest has ended. */
export interface EndFacts {
  readonly end: GuestEnd;
  readonly actions: Pick<
    VmConfig,
    | 'onHalt'
    | 'onRestart'
    | 'onCrash'
    | 'onWatchdog'
    | 'onSoftReset'
    | 'restartMinLifeSeconds'
    | 'restartLimit'
  >;
  /** How long it ran. */
  readonly livedMs: number;
  /** How many boots before this one ended too soon, in a row. */
  readonly quickEnds: number;
}

export interface Reaction {
  /** `none`: it is not over; a suspended guest waits for its image, or to go on. */
  readonly action: EndAction | 'none';
  /** Before a restart. */
  readonly delayMs: number;
  /** The new count. */
  readonly quickEnds: number;
  /** Whether a restart that was configured does not happen because the guest ends too soon again and again. */
  readonly isGivenUp: boolean;
  /** Messages for the error channel. */
  readonly errors: readonly string[];
}

/** The first delay; each quick end doubles it. */
const DELAY_FIRST_MS = 1000;
const DELAY_MAX_MS = 60_000;

/** What follows. A restart waits when the last ones did not hold, and is given up when they never do. */
export function decideReaction({ end, actions, livedMs, quickEnds }: EndFacts): Reaction {
  const errors = end === 'crashed' || end === 'watchdog' ? [end] : [];
  if (end === 'suspended')
    return { action: 'none', delayMs: 0, quickEnds, isGivenUp: false, errors };
  const action = configuredAction(end, actions);
  const isQuick = livedMs < actions.restartMinLifeSeconds * 1000;
  const count = isQuick ? quickEnds + 1 : 0;
  if (action !== 'restart') return { action, delayMs: 0, quickEnds: 0, isGivenUp: false, errors };
  if (count > actions.restartLimit) {
    const told = `restarted ${actions.restartLimit} times, each time down within ${actions.restartMinLifeSeconds} s`;
    return {
      action: 'preserve',
      delayMs: 0,
      quickEnds: count,
      isGivenUp: true,
      errors: [...errors, told],
    };
  }
  return { action, delayMs: delayAfter(count), quickEnds: count, isGivenUp: false, errors };
}

/** A first quick end is no loop yet. */
function delayAfter(count: number): number {
  if (count <= 1) return 0;
  return Math.min(DELAY_FIRST_MS * 2 ** (count - 2), DELAY_MAX_MS);
}

function configuredAction(end: GuestEnd, actions: EndFacts['actions']): EndAction {
  switch (end) {
    case 'rebooted':
      return actions.onRestart;
    case 'crashed':
      return actions.onCrash;
    case 'watchdog':
      return actions.onWatchdog;
    case 'soft-reset':
      return actions.onSoftReset;
    case 'vanished':
      // There is nothing left that could be preserved, and whoever destroyed it meant it.
      return 'destroy';
    default:
      return actions.onHalt;
  }
}
