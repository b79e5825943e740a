/**
 * Which changes of state there are. A pure function over one table: what happened, in which states that can happen, where it leads,
 * and what must be done about it. The driver performs the effects; no other code changes the state of a VM.
 */
import { publishedState, STATE_NAMES, WITHOUT_DOMAIN, type LifeState } from './states.ts';

/** Things that happen to a VM, told by its driver after they have. */
export type LifeEvent =
  /** A new domain is about to be made. */
  | 'create'
  /** An image is about to be read. */
  | 'restore'
  /** Memory is there, from a kernel or an image. */
  | 'built'
  /** All devices and the device model are there. */
  | 'attached'
  /** The guest runs, for the first time or again. */
  | 'run'
  | 'pause'
  /** The guest acknowledged a request to go down. */
  | 'go-down'
  /** It went down for the reboot that was asked for. */
  | 'reboot-down'
  /** Its image is about to be written. */
  | 'suspend'
  /** The image is whole and the domain is gone. */
  | 'saved'
  /** It rebooted, on request or by itself, and its domain is gone. */
  | 'rebooted'
  /** It ended and its domain stays. */
  | 'preserve'
  /** Its domain is gone, however that came. */
  | 'gone';

/** What a change of state asks of the driver, in this order. */
export type LifeEffect =
  /** Clear what belonged to this boot: domid, stub domain, screen, networks, power state. */
  | 'forget-boot'
  /** A configuration that waits for the next boot is the current one from here on. */
  | 'install-next-config'
  | 'publish';

interface Transition {
  readonly event: LifeEvent;
  readonly from: readonly LifeState[];
  readonly to: LifeState;
  readonly effects: readonly LifeEffect[];
}

const ENDED: readonly LifeEffect[] = ['forget-boot', 'publish'];

export const TRANSITIONS: readonly Transition[] = [
  { event: 'restore', from: WITHOUT_DOMAIN, to: 'restoring', effects: ['publish'] },
  {
    event: 'create',
    from: [...WITHOUT_DOMAIN, 'restoring', 'rebooting'],
    to: 'creating-domain',
    effects: ['forget-boot', 'publish'],
  },
  { event: 'built', from: ['creating-domain'], to: 'creating-devices', effects: ['publish'] },
  { event: 'attached', from: ['creating-devices'], to: 'created', effects: ['publish'] },
  // From shutdowning and suspending: the guest did not go down after all. From shutdown: it was found running when the monitor started.
  {
    event: 'run',
    from: ['created', 'paused', 'running', 'suspending', 'shutdowning', 'shutdown'],
    to: 'running',
    effects: ['publish'],
  },
  {
    event: 'pause',
    from: ['created', 'paused', 'running', 'suspending', 'shutdowning', 'shutdown'],
    to: 'paused',
    effects: ['publish'],
  },
  {
    event: 'go-down',
    from: ['created', 'running', 'paused'],
    to: 'shutdowning',
    effects: ['publish'],
  },
  { event: 'reboot-down', from: ['shutdowning'], to: 'rebooting', effects: ['publish'] },
  { event: 'suspend', from: ['running', 'paused'], to: 'suspending', effects: ['publish'] },
  { event: 'saved', from: ['suspending'], to: 'suspended', effects: ENDED },
  {
    event: 'rebooted',
    from: ['created', 'running', 'paused', 'shutdowning', 'suspending', 'rebooting'],
    to: 'rebooted',
    effects: ENDED,
  },
  {
    event: 'preserve',
    from: ['created', 'running', 'paused', 'shutdowning', 'suspending', 'shutdown'],
    to: 'preserved',
    effects: ['publish'],
  },
  {
    event: 'gone',
    from: STATE_NAMES,
    to: 'shutdown',
    effects: ['forget-boot', 'install-next-config', 'publish'],
  },
];

export type LifeStep =
  | { readonly kind: 'moved'; readonly state: LifeState; readonly effects: readonly LifeEffect[] }
  | { readonly kind: 'denied'; readonly state: LifeState; readonly expected: readonly LifeState[] };

const BY_EVENT: ReadonlyMap<LifeEvent, Transition> = new Map(
  TRANSITIONS.map((transition) => [transition.event, transition]),
);

/** Where the event leads from this state, or the states in which it could have happened. */
export function stepLife(state: LifeState, event: LifeEvent): LifeStep {
  const expected = statesFor(event);
  const transition = BY_EVENT.get(event);
  if (transition === undefined || !expected.includes(state)) {
    return { kind: 'denied', state, expected };
  }
  return { kind: 'moved', state: transition.to, effects: transition.effects };
}

/** The states in which the event can happen. */
export function statesFor(event: LifeEvent): readonly LifeState[] {
  return BY_EVENT.get(event)?.from ?? [];
}

/** The table as a diagram in Mermaid's language; `gone`, which every state has, is one line. */
export function lifeDiagram(): string {
  const arrows = TRANSITIONS.flatMap(({ event, from, to }) =>
    event === 'gone'
      ? [`  [*] --> ${to}: gone, from every state`]
      : from.filter((state) => state !== to).map((state) => `  ${state} --> ${to}: ${event}`),
  );
  const names = STATE_NAMES.filter((state) => publishedState(state) !== state).map(
    (state) => `  note right of ${state}: published as ${publishedState(state)}`,
  );
  return ['stateDiagram-v2', ...arrows, ...names].map((line) => `${line}\n`).join('');
}
