/** Stopping a VM: by its agent, by its kernel, or by taking its domain away. Each way has its time. */
import { ManagerError } from '../manager/manager-error.ts';
import { recordOf, type LifeContext } from './context.ts';
import type { VmRecord } from './vm-record.ts';

/** For an agent that took a request to stop its guest. */
const AGENT_SHUTDOWN_TIMEOUT_MS = 180_000;
/** The monitor waits 30 s for an answer of the guest and 30 min for its end. */
const HALT_TIMEOUT_MS = 1_900_000;
const DESTROY_TIMEOUT_MS = 150_000;
const WAKE_TIMEOUT_MS = 30_000;
/** A guest that sleeps. */
const ASLEEP = 3;

/** Stops the guest; a VM that is off is fine. Rejects with ManagerError when the guest does not stop. */
export async function shutdownVm(
  life: LifeContext,
  uuid: string,
  signal?: AbortSignal,
): Promise<void> {
  const record = recordOf(life, uuid);
  record.isStopWanted = true;
  record.restart?.[Symbol.dispose]();
  await record.operations.run('shutdown', (own) => shutdownNow(life, record, own), { signal });
}

async function shutdownNow(
  life: LifeContext,
  record: VmRecord,
  signal: AbortSignal,
): Promise<void> {
  const { uuid } = record;
  if (!record.isAlive) return;
  record.isStopWanted = true;
  record.shutdownReason = 'halt';
  try {
    if (record.acpi === ASLEEP) await wake(life, record, WAKE_TIMEOUT_MS, signal);
    if (await isStoppedByAgent(life, record, signal)) return;
    await life.monitors.call(uuid, 'halt', {}, { timeoutMs: HALT_TIMEOUT_MS, signal });
  } catch (error) {
    // It goes on running, and is kept alive as before.
    if (stillRuns(record)) record.isStopWanted = false;
    throw error;
  }
}

/** Asked by a function: the compiler takes what was true before a wait to be true after it. */
function stillRuns(record: VmRecord): boolean {
  return record.isAlive;
}

/** Wakes a guest that sleeps. Rejects with ManagerError CANNOT_WAKE. */
export async function wake(
  life: LifeContext,
  record: VmRecord,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { uuid } = record;
  const { clock } = life.host.services;
  try {
    await life.monitors.call(uuid, 'trigger', { params: 's3resume' }, { signal });
    const isAwake = (): boolean => record.acpi !== ASLEEP;
    await record.waitUntil(isAwake, 'to wake', { timeoutMs, clock, signal });
  } catch (cause) {
    throw new ManagerError('CANNOT_WAKE', {
      message: `The VM ${uuid} sleeps and does not wake`,
      context: { uuid },
      cause,
    });
  }
}

/** Whether the guest's agent has stopped it; one that does not in its time is passed over. */
async function isStoppedByAgent(
  life: LifeContext,
  record: VmRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const { uuid } = record;
  const log = life.log.child({ vm: uuid });
  const { agent } = life.peers;
  try {
    if (!(await agent.isPresent(uuid))) return false;
    await agent.request(uuid, 'shutdown');
    await record.waitUntil(() => !record.isAlive, 'to be stopped by its agent', {
      timeoutMs: AGENT_SHUTDOWN_TIMEOUT_MS,
      clock: life.host.services.clock,
      signal,
    });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    log.log('warn', 'The agent did not stop the guest; its kernel is asked', error);
    return false;
  }
}

/** Takes the domain away at once, whatever is under way; a VM that is off is fine. Rejects with ManagerError. */
export async function destroyVm(life: LifeContext, uuid: string): Promise<void> {
  const record = recordOf(life, uuid);
  record.isStopWanted = true;
  record.restart?.[Symbol.dispose]();
  const destroy = async (signal: AbortSignal): Promise<void> => {
    record.isStopWanted = true;
    if (life.monitors.state(uuid) === undefined) return;
    const timeoutMs = DESTROY_TIMEOUT_MS;
    await life.monitors.call(uuid, 'destroy', {}, { timeoutMs, signal });
  };
  await record.operations.run('destroy', destroy, { overtakes: true });
}
