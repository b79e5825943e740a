/** Which VM lies beyond an edge of the screen, for a mouse that crosses it. */
import type { View } from '../db/view.ts';
import type { Manager } from '../manager/manager.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from './slots.ts';

const PLACEMENTS = '/xenmgr/gpu-placement';
const NONE = -1;

/** The slot of the first running VM on the nearest GPU to that side; -1 without one, or when it is the VM itself. */
export function neighbourSlot(
  { database, life }: Manager,
  uuid: string,
  side: 'left' | 'right',
): number {
  const view = database.view();
  const gpus = placedGpus(view);
  const own = vmSettings(view, uuid).text('gpu');
  const at = gpus.indexOf(own);
  if (at === -1) return NONE;
  const beyond = side === 'left' ? gpus.slice(0, at).reverse() : gpus.slice(at + 1);
  for (const gpu of beyond) {
    const found = vmUuids(view).find(
      (other) => vmSettings(view, other).text('gpu') === gpu && life.isRunning(other),
    );
    if (found !== undefined) return found === uuid ? NONE : vmSettings(view, found).number('slot');
  }
  return NONE;
}

/** The GPUs that have a place on the desk, from the left to the right. */
function placedGpus(view: View): readonly string[] {
  return view
    .list(PLACEMENTS)
    .map((gpu) => ({ gpu, at: Number(view.read(`${PLACEMENTS}/${gpu}`)) }))
    .filter(({ at }) => Number.isInteger(at))
    .sort((one, other) => one.at - other.at)
    .map(({ gpu }) => gpu);
}
