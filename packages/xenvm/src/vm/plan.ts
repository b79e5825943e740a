/**
 * Operations as lists of steps. A plan is data: it says everything and leaves nothing to decide, can be written down before it is
 * begun, and is read again by a monitor that was killed in the middle of it.
 */
import type { StageName } from '../life/deadlines.ts';
import type { LifeEvent } from '../life/machine.ts';

/** What a step does; `VmHost` has a verb for each. */
export type StepAction =
  | { readonly kind: 'check-host' }
  | { readonly kind: 'create' }
  | { readonly kind: 'build' }
  | { readonly kind: 'restore'; readonly imagePath: string }
  /** The disks are made ready and all devices attached; a guest from an image must find the disks that it had. */
  | { readonly kind: 'attach-devices'; readonly isRestored?: true }
  /** The device model, and the PCI devices that it shows the guest. */
  | { readonly kind: 'start-model' }
  | { readonly kind: 'unpause' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'request'; readonly request: 'halt' | 'reboot' }
  | { readonly kind: 'wait-for-end'; readonly request: 'halt' | 'reboot' }
  /** The guest's drivers put it to sleep (S3), or write it to its own disk and power off (S4). */
  | { readonly kind: 'request-power'; readonly request: 'sleep' | 'hibernate' }
  | {
      readonly kind: 'save';
      readonly imagePath: string;
      readonly isLive: boolean;
      readonly isKept: boolean;
    }
  /** The domain, and what is held for its disks. */
  | { readonly kind: 'destroy' }
  | { readonly kind: 'remove-image'; readonly imagePath: string };

export interface Step {
  readonly action: StepAction;
  readonly stage: StageName;
  /** In place of the stage's. */
  readonly timeoutMs?: number;
  /** Told before it is begun, and after it is done. */
  readonly before?: LifeEvent;
  readonly after?: LifeEvent;
  /**
   * What takes it back when it, or a later step, fails: the domain is taken away; the guest is paused again; a guest that is suspended for an
   * image runs on, and the image goes.
   */
  readonly undo?: 'destroy' | 'pause' | 'resume';
  /**
   * For a monitor that finds the step begun or yet to come: `finish` goes on from here, `abandon` undoes the plan, `look` leaves the guest
   * to itself and goes by what Xen says.
   */
  readonly recovery: 'finish' | 'abandon' | 'look';
}

export interface Plan {
  /** The task it serves. */
  readonly name: string;
  readonly steps: readonly Step[];
}

const MAKE = { undo: 'destroy', recovery: 'abandon' } as const;

/** Everything from a domain on; `unpause` is the point from which a start is finished rather than undone. */
function bringUp(fill: StepAction, { isPaused }: { readonly isPaused: boolean }): readonly Step[] {
  return [
    { action: { kind: 'create' }, stage: 'create', before: 'create', ...MAKE },
    { action: fill, stage: fill.kind === 'restore' ? 'restore' : 'build', after: 'built', ...MAKE },
    {
      action: {
        kind: 'attach-devices',
        ...(fill.kind === 'restore' ? { isRestored: true } : {}),
      },
      stage: 'disks',
      ...MAKE,
    },
    { action: { kind: 'start-model' }, stage: 'device-model', after: 'attached', ...MAKE },
    ...(isPaused
      ? []
      : [
          {
            action: { kind: 'unpause' },
            stage: 'create',
            after: 'run',
            recovery: 'finish',
          } as const,
        ]),
  ];
}

export function planStart(options: { readonly isPaused: boolean }): Plan {
  const check: Step = {
    action: { kind: 'check-host' },
    stage: 'wait-for-memory',
    recovery: 'abandon',
  };
  return { name: 'start', steps: [check, ...bringUp({ kind: 'build' }, options)] };
}

export function planRestore({
  imagePath,
  isPaused,
  isDeleted,
}: {
  readonly imagePath: string;
  readonly isPaused: boolean;
  readonly isDeleted: boolean;
}): Plan {
  const check: Step = {
    action: { kind: 'check-host' },
    stage: 'wait-for-memory',
    before: 'restore',
    recovery: 'abandon',
  };
  const remove: Step = {
    action: { kind: 'remove-image', imagePath },
    stage: 'create',
    recovery: 'finish',
  };
  const steps = [check, ...bringUp({ kind: 'restore', imagePath }, { isPaused })];
  return { name: 'restore', steps: isDeleted ? [...steps, remove] : steps };
}

/** The end of a domain. */
export const destroyStep = (after: LifeEvent | undefined): Step => ({
  action: { kind: 'destroy' },
  stage: 'destroy',
  recovery: 'finish',
  ...(after === undefined ? {} : { after }),
});

/** A paused guest cannot do what it is asked for; should it not go down, it is paused again. */
const wakeStep: Step = {
  action: { kind: 'unpause' },
  stage: 'create',
  undo: 'pause',
  recovery: 'look',
};

/** Asks the guest to go down, and takes its domain away. */
export function planHalt({ isPaused }: { readonly isPaused: boolean }): Plan {
  return {
    name: 'halt',
    steps: [
      ...(isPaused ? [wakeStep] : []),
      {
        action: { kind: 'request', request: 'halt' },
        stage: 'acknowledge',
        after: 'go-down',
        recovery: 'look',
      },
      { action: { kind: 'wait-for-end', request: 'halt' }, stage: 'shut-down', recovery: 'look' },
      destroyStep('gone'),
    ],
  };
}

/** Has the guest sleep; its domain stays. */
export function planSleep({ timeoutMs }: { readonly timeoutMs: number }): Plan {
  return {
    name: 's3suspend',
    steps: [
      {
        action: { kind: 'request-power', request: 'sleep' },
        stage: 'suspend',
        timeoutMs,
        recovery: 'look',
      },
    ],
  };
}

/** Has the guest hibernate and takes its domain away. */
export function planHibernate({ timeoutMs }: { readonly timeoutMs: number }): Plan {
  return {
    name: 's4suspend',
    steps: [
      {
        action: { kind: 'request-power', request: 'hibernate' },
        stage: 'suspend',
        timeoutMs,
        recovery: 'look',
      },
      destroyStep('gone'),
    ],
  };
}

/** Takes the domain away without asking. */
export function planDestroy(): Plan {
  return { name: 'destroy', steps: [destroyStep('gone')] };
}

export function planReboot({
  isPaused,
  isForced,
  isStarted,
}: {
  readonly isPaused: boolean;
  readonly isForced: boolean;
  readonly isStarted: boolean;
}): Plan {
  const ask: readonly Step[] = [
    ...(isPaused ? [wakeStep] : []),
    {
      action: { kind: 'request', request: 'reboot' },
      stage: 'acknowledge',
      after: 'go-down',
      recovery: 'look',
    },
    {
      action: { kind: 'wait-for-end', request: 'reboot' },
      stage: 'shut-down',
      after: 'reboot-down',
      recovery: 'look',
    },
  ];
  const down = [...(isForced ? [] : ask), destroyStep('rebooted')];
  return {
    name: 'reboot',
    steps: isStarted ? [...down, ...planStart({ isPaused: false }).steps] : down,
  };
}

/** Writes an image. A guest that was paused is paused again when it is kept; its image remembers nothing of it. */
export function planSave({
  imagePath,
  isLive,
  isKept,
  isPaused,
}: {
  readonly imagePath: string;
  readonly isLive: boolean;
  readonly isKept: boolean;
  readonly isPaused: boolean;
}): Plan {
  const save: Step = {
    action: { kind: 'save', imagePath, isLive, isKept },
    stage: 'save',
    before: 'suspend',
    after: isKept ? 'run' : 'saved',
    undo: 'resume',
    recovery: 'look',
  };
  const pauseAgain: Step = {
    action: { kind: 'pause' },
    stage: 'create',
    after: 'pause',
    recovery: 'finish',
  };
  return {
    name: isKept ? 'checkpoint' : 'suspend',
    steps: [...(isPaused ? [wakeStep] : []), save, ...(isPaused && isKept ? [pauseAgain] : [])],
  };
}

/** One line for each step, for logs and dry runs. */
export function renderPlan({ name, steps }: Plan): string {
  return [
    name,
    ...steps.map(({ action, stage, undo }) => {
      const { kind, ...details } = action;
      const told = Object.entries(details).map(([key, value]) => `${key}=${String(value)}`);
      return `  ${[kind, ...told].join(' ')} (${stage}${undo === undefined ? '' : `, undone by ${undo}`})`;
    }),
  ].join('\n');
}
