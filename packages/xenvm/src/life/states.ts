/** The states of a VM. Their names are published to clients of the old monitor, which know these strings. */

/** What is true in a state. */
interface StateFacts {
  /** Whether a domain exists. `maybe`: one is being made or taken away. */
  readonly domain: 'yes' | 'no' | 'maybe';
  /** It lasts until somebody asks or something happens; other states belong to an operation that leads out of them. */
  readonly isStable: boolean;
  /** The name that is published; its own unless said. */
  readonly publishedAs?: string;
  readonly doc: string;
}

export type LifeState =
  | 'creating-domain'
  | 'creating-devices'
  | 'created'
  | 'running'
  | 'paused'
  | 'shutdowning'
  | 'shutdown'
  | 'rebooting'
  | 'rebooted'
  | 'suspending'
  | 'suspended'
  | 'restoring'
  | 'preserved';

export const LIFE_STATES: Readonly<Record<LifeState, StateFacts>> = {
  'creating-domain': {
    domain: 'maybe',
    isStable: false,
    doc: 'An empty domain is made and built.',
  },
  'creating-devices': {
    domain: 'yes',
    isStable: false,
    doc: 'Its memory is there; devices and device model follow.',
  },
  created: { domain: 'yes', isStable: true, doc: 'Whole, and not started yet.' },
  running: { domain: 'yes', isStable: true, doc: 'The guest may run.' },
  paused: { domain: 'yes', isStable: true, doc: 'The guest was stopped and can go on.' },
  shutdowning: {
    domain: 'yes',
    isStable: false,
    doc: 'The guest has acknowledged that it shall go down.',
  },
  shutdown: { domain: 'no', isStable: true, doc: 'There is no domain.' },
  rebooting: {
    domain: 'maybe',
    isStable: false,
    doc: 'The guest went down for a reboot that was asked for; its domain is taken away.',
  },
  rebooted: {
    domain: 'no',
    isStable: true,
    doc: 'It went down for a reboot and waits for a start.',
  },
  suspending: { domain: 'yes', isStable: false, doc: 'Its image is being written.' },
  suspended: { domain: 'no', isStable: true, doc: 'It lies in an image.' },
  restoring: { domain: 'maybe', isStable: false, doc: 'An image is read.' },
  preserved: {
    domain: 'yes',
    isStable: true,
    publishedAs: 'shutdown',
    doc: 'The guest has ended and its domain is kept for inspection; `detail` says how it ended.',
  },
};

export const STATE_NAMES: readonly LifeState[] = Object.keys(LIFE_STATES) as LifeState[];

/** The string that clients see. */
export function publishedState(state: LifeState): string {
  return LIFE_STATES[state].publishedAs ?? state;
}

/** Whether a domain exists for certain. */
export function hasDomain(state: LifeState): boolean {
  return LIFE_STATES[state].domain === 'yes';
}

/** States in which no domain exists. */
export const WITHOUT_DOMAIN: readonly LifeState[] = STATE_NAMES.filter(
  (state) => LIFE_STATES[state].domain === 'no',
);
