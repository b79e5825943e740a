/**
 * Making room for a new domain among those that can balloon: who gives how much, and why. Pure. Everybody gives the same share of
 * what it has above its minimum, so that nobody is emptied while another is full.
 */
import { roundKibDownToPage, roundKibUpToPage } from '../units.ts';

/** A running domain, as the planner sees it. All KiB. */
export interface BalloonGuest {
  readonly domid: number;
  /** What it has now. */
  readonly currentKib: number;
  /** What it was told to have. */
  readonly targetKib: number;
  /** It is never asked for more than down to this. */
  readonly minKib: number;
  /** Why it cannot be asked (no balloon driver, stuck, passed-through devices); undefined when it can. */
  readonly excluded?: string | undefined;
}

export interface BalloonStep {
  readonly domid: number;
  readonly fromKib: number;
  readonly toKib: number;
  /** One line for a person. */
  readonly why: string;
}

/** Either the steps that make the room, or how much is missing even when everybody gives all it can. */
export type BalloonPlan =
  | {
      readonly kind: 'enough';
      readonly steps: readonly BalloonStep[];
      readonly explanation: readonly string[];
    }
  | {
      readonly kind: 'short';
      readonly missingKib: number;
      readonly explanation: readonly string[];
    };

export interface BalloonNeed {
  readonly neededKib: number;
  /** Free, being scrubbed, and not claimed by another start. */
  readonly freeKib: number;
  readonly guests: readonly BalloonGuest[];
}

/** Plans it. Memory that a guest has been told to give but still holds counts as coming, not as given twice. */
export function planBalloon({ neededKib, freeKib, guests }: BalloonNeed): BalloonPlan {
  const comingKib = sum(
    guests.map(({ currentKib, targetKib, excluded }) =>
      excluded === undefined ? Math.max(0, currentKib - targetKib) : 0,
    ),
  );
  const shortKib = roundKibUpToPage(Math.max(0, neededKib - freeKib - comingKib));
  const explanation = [
    `${neededKib} KiB are needed; ${freeKib} KiB are free and ${comingKib} KiB are being given back`,
    ...guests.flatMap(({ domid, excluded }) =>
      excluded === undefined ? [] : [`domain ${domid} is not asked: ${excluded}`],
    ),
  ];
  const donors = guests.flatMap((guest) => {
    const slackKib = roundKibDownToPage(guest.targetKib - guest.minKib);
    return guest.excluded === undefined && slackKib > 0 ? [{ ...guest, slackKib }] : [];
  });
  const slackKib = sum(donors.map((donor) => donor.slackKib));
  if (slackKib < shortKib) {
    return {
      kind: 'short',
      missingKib: shortKib - slackKib,
      explanation: [...explanation, `all others together can give ${slackKib} KiB`],
    };
  }
  const steps: BalloonStep[] = [];
  let leftKib = shortKib;
  let leftSlackKib = slackKib;
  for (const donor of donors) {
    // What rounding up takes too much from one, the next ones are spared.
    const givesKib =
      leftSlackKib === 0
        ? 0
        : Math.min(donor.slackKib, roundKibUpToPage((leftKib * donor.slackKib) / leftSlackKib));
    leftSlackKib -= donor.slackKib;
    leftKib = Math.max(0, leftKib - givesKib);
    if (givesKib === 0) continue;
    steps.push({
      domid: donor.domid,
      fromKib: donor.targetKib,
      toKib: donor.targetKib - givesKib,
      why: `gives ${givesKib} of the ${donor.slackKib} KiB above its minimum of ${donor.minKib} KiB`,
    });
  }
  return {
    kind: 'enough',
    steps,
    explanation: [...explanation, ...steps.map(({ domid, why }) => `domain ${domid} ${why}`)],
  };
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
