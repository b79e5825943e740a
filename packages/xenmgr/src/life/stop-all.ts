/** Stopping all VMs, in stages: each after those that need it. */
import { withDeadline } from '@xenops/core/lifetime';
import { planStop } from '../autostart/plan-waves.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { settingsOf, type LifeContext } from './context.ts';
import { destroyVm, shutdownVm } from './stop.ts';

/** For one VM to stop by itself before it is destroyed. */
const STOP_TIMEOUT_MS = 180_000;
/** For what follows a stop: hooks, and parts that clean up. */
const CLEAN_TIMEOUT_MS = 30_000;

export interface StopAllOptions {
  /** Whether those that do not stop in their time are destroyed. */
  readonly isForced: boolean;
  /** For each VM; 180 s unless said. */
  readonly timeoutMs?: number;
}

/**
 * Stops the VMs that run. All of a stage are waited for. Rejects with the error of the first that did not stop, after its
 * stage; those of later stages run on then.
 */
export async function stopAll(life: LifeContext, options: StopAllOptions): Promise<void> {
  const stages = planStop(await candidates(life));
  for (const stage of stages) {
    const ends = await Promise.allSettled(stage.map(async (uuid) => stopOne(life, uuid, options)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

async function candidates(life: LifeContext): Promise<Parameters<typeof planStop>[0]> {
  const running = [...life.records.values()].filter(({ isAlive }) => isAlive);
  // What cannot be found out must not keep the host from going down.
  const edges = await life.edges().catch(() => new Map<string, readonly string[]>());
  return running.map(({ uuid }) => ({
    uuid,
    shutdownPriority: settingsOf(life, uuid).number('shutdown-priority'),
    dependencies: edges.get(uuid) ?? [],
  }));
}

async function stopOne(
  life: LifeContext,
  uuid: string,
  { isForced, timeoutMs = STOP_TIMEOUT_MS }: StopAllOptions,
): Promise<void> {
  const record = life.records.get(uuid);
  if (record === undefined) return;
  const log = life.log.child({ vm: uuid });
  const { clock } = life.host.services;
  const late = new AbortController();
  using _timer = clock.startTimer(timeoutMs, () => {
    const message = `The VM ${uuid} did not stop within ${timeoutMs / 1000} s`;
    late.abort(new ManagerError('SHUTDOWN_TIMEOUT', { message, context: { uuid } }));
  });
  try {
    await shutdownVm(life, uuid, late.signal);
  } catch (error) {
    // It has stopped, although not as it was asked to.
    const isStopped = error instanceof ManagerError && error.code === 'VM_STOPPED_OTHERWISE';
    if (!isStopped && !isForced) throw error;
    if (!isStopped) {
      log.log('warn', 'The VM does not stop and is destroyed', error);
      await destroyVm(life, uuid);
    }
  }
  const options = { timeoutMs: CLEAN_TIMEOUT_MS, clock };
  await record.waitUntil(() => !record.isAlive, 'to be off', options);
  // Reactions and hooks that hang must not hold the others up.
  await withDeadline({ what: `what follows the end of the VM ${uuid}` }, options, async () => {
    await record.queue.drained();
    await record.hooks;
  }).catch((error: unknown) => log.log('warn', 'The end of the VM is not seen to', error));
}
