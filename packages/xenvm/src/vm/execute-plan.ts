/** Runs a plan: each step noted before and after, within its deadline, undone in reverse when one fails. */
import { DomainError } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import type { LifeEvent } from '../life/machine.ts';
import type { Plan, Step } from './plan.ts';

/** Who performs the steps. */
export interface PlanDriver {
  readonly clock: Clock;
  timeoutMs(step: Step): number;
  /** Notes where the plan is, with the state the VM is in. */
  mark(index: number, phase: 'begun' | 'done'): Promise<void>;
  perform(step: Step, signal: AbortSignal): Promise<void>;
  /** Takes back what the step did, as its `undo` says; it may have done nothing. */
  undo(step: Step): Promise<void>;
  happened(event: LifeEvent): void;
}

/** Verbs keep their deadlines themselves and know better what they waited for; this one is for those that do not. */
const GRACE_MS = 5000;
/** How long a step that was called off gets to end. */
const ENDING_TIMEOUT_MS = 120_000;

/**
 * Runs the steps from `first` on. Rejects with the error of the step that failed; DOMAIN_LEFTOVERS when not all could be undone. What came before a
 * step that a killed monitor's successor would finish stays once that step is done: a guest that runs is not taken away because a note of it failed.
 */
export async function executePlan(
  plan: Plan,
  driver: PlanDriver,
  { signal, first = 0 }: { readonly signal: AbortSignal; readonly first?: number },
): Promise<void> {
  const done = plan.steps.slice(0, first);
  let begun = done.slice(done.findLastIndex(isCommitted) + 1);
  try {
    for (const [index, step] of plan.steps.entries()) {
      if (index < first) continue;
      signal.throwIfAborted();
      begun.push(step);
      if (step.before !== undefined) driver.happened(step.before);
      await driver.mark(index, 'begun');
      await bounded(plan, step, driver, signal);
      if (isCommitted(step)) begun = [];
      if (step.after !== undefined) driver.happened(step.after);
      await driver.mark(index, 'done');
    }
  } catch (error) {
    await undoAll(plan, begun, driver, error);
    throw error;
  }
}

/** Whether there is no way back once it is done. */
const isCommitted = ({ recovery }: Step): boolean => recovery === 'finish';

/** A step within its deadline; when that passes, its own end is waited for, so that undoing does not meet it at work. */
async function bounded(
  plan: Plan,
  step: Step,
  driver: PlanDriver,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = driver;
  let work: Promise<void> | undefined;
  try {
    await withDeadline(
      { what: `the step ${step.action.kind} of ${plan.name}` },
      { timeoutMs: driver.timeoutMs(step) + GRACE_MS, signal, clock },
      (own) => {
        work = driver.perform(step, own);
        return work;
      },
    );
  } catch (error) {
    const ended = work?.catch(() => undefined);
    if (ended !== undefined) {
      await withDeadline(
        { what: `the step ${step.action.kind} of ${plan.name} to end after it was called off` },
        { timeoutMs: ENDING_TIMEOUT_MS, clock },
        () => ended,
      );
    }
    throw error;
  }
}

async function undoAll(
  plan: Plan,
  begun: readonly Step[],
  driver: PlanDriver,
  cause: unknown,
): Promise<void> {
  const undone = new Set<Step['undo']>();
  const failures: unknown[] = [];
  for (const step of begun.toReversed()) {
    // One destruction takes everything that several steps have made.
    if (step.undo === undefined || undone.has(step.undo)) continue;
    undone.add(step.undo);
    try {
      await driver.undo(step);
    } catch (failure) {
      failures.push(failure);
    }
  }
  if (failures.length === 0) return;
  throw new DomainError('DOMAIN_LEFTOVERS', {
    message: `The ${plan.name} failed, and not everything it had done could be undone`,
    cause: new AggregateError([cause, ...failures]),
  });
}
