/** Putting VMs to sleep before the host does, and back. */
import { ManagerError } from '../manager/manager-error.ts';
import type { Surroundings } from '../manager/manager.ts';
import type { VmLife } from '../life/life.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { isUserVm, vmUuids } from '../vms/slots.ts';

/** A VM that was put to sleep, or stopped to be started again. */
export interface Sleeper {
  readonly uuid: string;
  readonly mode: 'pv' | 'restart';
}

const SLEEPING = 3;

/**
 * Puts the running VMs to sleep: users' VMs by the mode of each, then all that are to be restarted. What was done is added
 * to `asleep` as it is done. Rejects with ManagerError when one does not go along; a mode that nothing stands for is
 * found before anything is done.
 */
export async function sleepVms(
  { database }: Pick<Surroundings, 'database'>,
  life: VmLife,
  asleep: Sleeper[],
): Promise<void> {
  const view = database.view();
  const running = vmUuids(view).filter((uuid) => life.isRunning(uuid));
  const modeOf = (uuid: string): string => vmSettings(view, uuid).text('s3-mode');
  const users = running.filter((uuid) => isUserVm(view, uuid) && modeOf(uuid) === 'pv');
  const restarting = running.filter((uuid) => modeOf(uuid) === 'restart');
  const odd = running.find((uuid) => isUserVm(view, uuid) && modeOf(uuid) === 'snapshot');
  if (odd !== undefined) {
    throw new ManagerError('BAD_VALUE', {
      message: `The VM ${odd} has the s3-mode snapshot, which no host can do; set pv, restart or ignore`,
      context: { uuid: odd },
    });
  }
  await allOrFirstError(users, async (uuid) => {
    if (life.acpiState(uuid) === SLEEPING) return;
    await life.sleep(uuid);
    asleep.push({ uuid, mode: 'pv' });
  });
  await allOrFirstError(restarting, async (uuid) => {
    await life.shutdown(uuid);
    asleep.push({ uuid, mode: 'restart' });
  });
}

/** Wakes, or starts, those that were put to sleep; one that does not come back is logged. */
export async function wakeVms(
  { log }: Pick<Surroundings, 'log'>,
  life: VmLife,
  asleep: readonly Sleeper[],
): Promise<void> {
  for (const { uuid, mode } of asleep) {
    try {
      if (mode === 'pv') await life.resume(uuid);
      else await life.start(uuid);
    } catch (error) {
      log.child({ vm: uuid }).log('error', 'The VM does not come back from sleep', error);
    }
  }
}

/** All at the same time; all are waited for before the first error is thrown. */
async function allOrFirstError(
  uuids: readonly string[],
  act: (uuid: string) => Promise<void>,
): Promise<void> {
  const ends = await Promise.allSettled(uuids.map(act));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
