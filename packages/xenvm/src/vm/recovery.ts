/**
 * What a monitor does about a VM when it starts, from what its predecessor has written down and what Xen says. Pure: the decision is
 * made once, for every point at which a monitor can be killed.
 */
import type { LifeEvent } from '../life/machine.ts';
import type { FoundDomain } from './vm-host.ts';
import type { Plan } from './plan.ts';
import type { VmRecord } from './vm-store.ts';

export type Recovery =
  /** There was nothing: do what `startup` says. */
  | { readonly kind: 'fresh' }
  /** A guest runs, or is paused, or has ended: take it over as it is. */
  | { readonly kind: 'adopt' }
  /** A guest was suspended for an image that was not finished: let it run on, and remove what there is of the image. */
  | { readonly kind: 'resume'; readonly imagePath: string }
  /** Go on with the plan from this step. */
  | { readonly kind: 'finish'; readonly plan: Plan; readonly first: number }
  /** Take away what was half made. */
  | { readonly kind: 'abandon' }
  /** The domain went away while nobody looked. */
  | { readonly kind: 'gone' }
  /** A plan was done to its end but for telling of it. */
  | { readonly kind: 'conclude'; readonly event: LifeEvent }
  /** There is no domain, and there was none: keep the state, `rebooted` or `suspended` as it may be. */
  | { readonly kind: 'keep' };

/** Decides. */
export function decideRecovery(
  record: VmRecord | undefined,
  found: FoundDomain | undefined,
): Recovery {
  if (record === undefined) return found === undefined ? { kind: 'fresh' } : { kind: 'adopt' };
  const { underway } = record;
  if (underway === undefined) {
    if (found !== undefined) return { kind: 'adopt' };
    return record.domid === undefined ? { kind: 'keep' } : { kind: 'gone' };
  }
  const first = underway.phase === 'done' ? underway.index + 1 : underway.index;
  const step = underway.plan.steps[first];
  // Everything was done but the note that it is over.
  if (step === undefined) return found === undefined ? afterPlan(underway.plan) : { kind: 'adopt' };
  if (step.recovery === 'finish') return { kind: 'finish', plan: underway.plan, first };
  if (step.recovery === 'abandon')
    return found === undefined ? { kind: 'gone' } : { kind: 'abandon' };
  if (step.action.kind === 'save') {
    // The image gets its name before the domain goes: there it is.
    if (found === undefined && !step.action.isKept) return { kind: 'conclude', event: 'saved' };
    if (found?.end === 'suspend') return { kind: 'resume', imagePath: step.action.imagePath };
  }
  return found === undefined ? { kind: 'gone' } : { kind: 'adopt' };
}

/** What the last step leads to, where that needs no domain. */
function afterPlan(plan: Plan): Recovery {
  const event = plan.steps.at(-1)?.after;
  const isEnd = event === 'gone' || event === 'rebooted' || event === 'saved';
  return isEnd ? { kind: 'conclude', event } : { kind: 'gone' };
}
