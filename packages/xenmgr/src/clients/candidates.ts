/**
 * What a command line may ask for. A word at its end may be an argument or an option; which it is shows only when the
 * method is known, so that candidates are tried in turn.
 */
import type { Help, Misfit } from './action.ts';
import { isMisreading, usageError } from './errors.ts';
import type { GivenOptions, Reading } from './options.ts';
import type { Outcome } from './outcome.ts';

/** Something to do, and the options that stand beside it. */
export interface Candidate<A> {
  readonly action: A;
  readonly given: GivenOptions;
}

/** What a program may be asked to do. */
export interface AnyAction {
  readonly kind: string;
}

/** What has become of the candidates. */
export type Tried =
  { readonly kind: 'done'; readonly outcome: Outcome; readonly given: GivenOptions } | Help;

/** What the readings of a command line ask for, at least one thing. Throws XEC_USAGE when there is nothing. */
export function candidatesOf<A extends AnyAction>(
  readings: readonly Reading[],
  readAction: (reading: Reading) => A | Misfit,
): readonly Candidate<A>[] {
  const candidates: Candidate<A>[] = [];
  let message = '';
  for (const reading of readings) {
    const action = readAction(reading);
    if (isMisfit(action)) message = action.message;
    else candidates.push({ action, given: reading.given });
  }
  if (candidates.length === 0) throw usageError(message);
  return candidates;
}

/** Does what the first candidate asks for; of several calls, the first that is possible. */
export async function tryInTurn<A extends AnyAction>(
  candidates: readonly Candidate<A | Help>[],
  perform: (candidate: Candidate<A>) => Promise<Outcome>,
): Promise<Tried> {
  let misread: unknown;
  for (const { action, given } of candidates) {
    if (isHelp(action)) return action;
    try {
      return { kind: 'done', outcome: await perform({ action, given }), given };
    } catch (error) {
      if (action.kind !== 'call' || !isMisreading(error)) throw error;
      misread = error;
    }
  }
  throw misread;
}

/** Whether help is asked for. */
export function isHelp(action: AnyAction): action is Help {
  return action.kind === 'help';
}

function isMisfit(action: AnyAction): action is Misfit {
  return action.kind === 'misfit';
}
