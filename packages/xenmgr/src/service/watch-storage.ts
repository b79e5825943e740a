/** Warns when the storage is nearly full: once when it gets there, and again only after it was well above. */
import { storage } from '../host/host-facts.ts';
import type { Surroundings } from '../manager/manager.ts';

const INTERVAL_MS = 30_000;
const LOW_PERCENT = 5;
/** From here on a warning may be said again. */
const RECOVERED_PERCENT = 7;

/** Says when to warn. */
export class LowSpace {
  #isLow = false;

  /** Whether so many percent of free space are worth a warning now. */
  isWarning(percentFree: number): boolean {
    const wasLow = this.#isLow;
    if (percentFree <= LOW_PERCENT) this.#isLow = true;
    if (percentFree >= RECOVERED_PERCENT) this.#isLow = false;
    return this.#isLow && !wasLow;
  }
}

/** Looks now and every 30 s, until the result is disposed. */
export function watchStorage({ host, places, announce, log }: Surroundings): Disposable {
  const { clock } = host.services;
  let timer: Disposable | undefined;
  const space = new LowSpace();
  let isDone = false;
  const look = async (): Promise<void> => {
    const { totalMib, freeMib } = await storage(places.storage);
    const percent = totalMib === 0 ? 100 : Math.round((freeMib * 100) / totalMib);
    if (space.isWarning(percent)) {
      log.log('warn', `${percent} % of the storage is free`);
      announce.storageSpaceLow(percent);
    }
  };
  const again = (): void => {
    look()
      .catch((error: unknown) => log.log('error', 'The storage cannot be looked at', error))
      .finally(() => {
        if (!isDone) timer = clock.startTimer(INTERVAL_MS, again);
      });
  };
  again();
  return {
    [Symbol.dispose]() {
      isDone = true;
      timer?.[Symbol.dispose]();
    },
  };
}
