/** Warns when the storage is nearly full: once when it gets there, and again only after it was well above. */
import { storage } from '../host/host-facts.ts';
import type { Surroundings } from '../manager/manager.ts';

const INTERVAL_MS = 30_000;
const LOW_PERCENT = 5;
/** From here on a warning may be said again. */
const RECOVERED_PERCENT = 7;

/** Looks now and every 30 s, until the result is disposed. */
export function watchStorage({ host, places, announce, log }: Surroundings): Disposable {
  const { clock } = host.services;
  let timer: Disposable | undefined;
  let isLow = false;
  let isDone = false;
  const look = async (): Promise<void> => {
    const { totalMib, freeMib } = await storage(places.storage);
    const percent = totalMib === 0 ? 100 : Math.round((freeMib * 100) / totalMib);
    if (percent <= LOW_PERCENT && !isLow) {
      isLow = true;
      log.log('warn', `${percent} % of the storage is free`);
      announce.storageSpaceLow(percent);
    }
    if (percent >= RECOVERED_PERCENT) isLow = false;
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
