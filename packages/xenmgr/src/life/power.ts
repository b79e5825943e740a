/** Reboot, sleep, hibernation, and images of a guest's memory. */
import { ManagerError } from '../manager/manager-error.ts';
import { memoryImage, recordOf, settingsOf, type LifeContext } from './context.ts';
import { startVm } from './start.ts';
import { wake } from './stop.ts';
import type { VmRecord } from './vm-record.ts';

const REBOOT_TIMEOUT_MS = 1_900_000;
const SUSPEND_TIMEOUT_MS = 4_000_000;
/** For an agent that took a request. */
const AGENT_TIMEOUT_MS = 180_000;
/** For the monitor to have a guest sleep or hibernate, and what it is told of that. */
const ACPI_SECONDS = 90;
const ACPI_TIMEOUT_MS = 100_000;
const WAKE_TIMEOUT_MS = 10_000;
const HIBERNATE_WAKE_TIMEOUT_MS = 30_000;
const ASLEEP = 3;

/** Has the guest reboot. That it is started again is up to the reaction to its state `rebooted`. */
export async function rebootVm(life: LifeContext, uuid: string): Promise<void> {
  const record = recordOf(life, uuid);
  await record.operations.run('reboot', async (signal) => {
    assertAlive(record);
    record.shutdownReason = 'reboot';
    if (await life.peers.agent.isPresent(uuid).catch(() => false)) {
      await life.peers.agent.request(uuid, 'reboot');
      await waitFor(life, record, () => !record.isAlive, AGENT_TIMEOUT_MS, signal);
      return;
    }
    const timeoutMs = REBOOT_TIMEOUT_MS;
    await life.monitors.call(uuid, 'reboot', {}, { timeoutMs, signal });
  });
}

/** Puts the guest to sleep (S3). Rejects with SLEEP_TIMEOUT, NEEDS_PV_ADDONS, or what the monitor says. */
export async function sleepVm(life: LifeContext, uuid: string): Promise<void> {
  const record = recordOf(life, uuid);
  await record.operations.run('sleep', async (signal) => {
    assertAlive(record);
    if (record.acpi === ASLEEP) return;
    if (await life.peers.agent.isPresent(uuid).catch(() => false)) {
      await life.peers.agent.request(uuid, 'sleep');
      const isAsleep = (): boolean => record.acpi === ASLEEP;
      await waitFor(life, record, isAsleep, AGENT_TIMEOUT_MS, signal, 'SLEEP_TIMEOUT');
      return;
    }
    assertPvAddons(life, uuid);
    const args = { timeout: String(ACPI_SECONDS) };
    await life.monitors.call(uuid, 's3suspend', args, { timeoutMs: ACPI_TIMEOUT_MS, signal });
  });
}

/** Wakes a guest from S3. */
export async function resumeVm(life: LifeContext, uuid: string): Promise<void> {
  const record = recordOf(life, uuid);
  await record.operations.run('resume', async (signal) => {
    assertAlive(record);
    await wake(life, record, WAKE_TIMEOUT_MS, signal);
  });
}

/** Has the guest hibernate (S4); one that is off is fine. */
export async function hibernateVm(life: LifeContext, uuid: string): Promise<void> {
  const record = recordOf(life, uuid);
  await record.operations.run('hibernate', async (signal) => {
    if (!record.isAlive) return;
    const hasAgent = await life.peers.agent.isPresent(uuid).catch(() => false);
    if (!hasAgent) assertPvAddons(life, uuid);
    if (record.acpi === ASLEEP) await wake(life, record, HIBERNATE_WAKE_TIMEOUT_MS, signal);
    record.isStopWanted = true;
    try {
      if (hasAgent) {
        await life.peers.agent.request(uuid, 'hibernate');
        const isOff = (): boolean => !record.isAlive;
        await waitFor(life, record, isOff, AGENT_TIMEOUT_MS, signal, 'HIBERNATE_TIMEOUT');
      } else {
        const args = { timeout: String(ACPI_SECONDS) };
        await life.monitors.call(uuid, 's4suspend', args, { timeoutMs: ACPI_TIMEOUT_MS, signal });
      }
    } catch (error) {
      record.isStopWanted = false;
      throw error;
    }
    await storeHibernated(life, uuid);
  });
}

/** Notes that the guest lies on its own disk. */
export async function storeHibernated(life: LifeContext, uuid: string): Promise<void> {
  await life.database.transact((draft) => {
    if (draft.exists(`/vm/${uuid}`)) draft.write(`/vm/${uuid}/hibernated`, 'true');
  });
}

/** Stops the guest where it is, or lets it go on. */
export async function pauseVm(
  life: LifeContext,
  uuid: string,
  task: 'pause' | 'unpause',
): Promise<void> {
  const record = recordOf(life, uuid);
  await record.operations.run(task, async (signal) => {
    assertAlive(record);
    await life.monitors.call(uuid, task, {}, { signal });
  });
}

/** Writes the guest's memory to a file; the VM is `suspended` then. Rejects with BAD_VALUE for a file elsewhere. */
export async function suspendToFile(
  life: LifeContext,
  uuid: string,
  wanted: string,
): Promise<void> {
  const record = recordOf(life, uuid);
  const file = await memoryImage(life, wanted);
  await record.operations.run('suspend', async (signal) => {
    assertAlive(record);
    record.isStopWanted = true;
    try {
      const timeoutMs = SUSPEND_TIMEOUT_MS;
      await life.monitors.call(uuid, 'suspend', { file }, { timeoutMs, signal });
    } catch (error) {
      record.isStopWanted = false;
      throw error;
    }
  });
}

/** Starts the VM from such a file, which is kept. */
export async function resumeFromFile(life: LifeContext, uuid: string, file: string): Promise<void> {
  await startVm(life, uuid, { image: await memoryImage(life, file) });
}

function assertAlive({ uuid, internal, isAlive }: VmRecord): void {
  if (isAlive) return;
  throw new ManagerError('VM_WRONG_STATE', {
    message: `The VM ${uuid} is ${internal} and has no guest that could do this`,
    context: { uuid, state: internal },
  });
}

function assertPvAddons(life: LifeContext, uuid: string): void {
  if (settingsOf(life, uuid).flag('pv-addons')) return;
  throw new ManagerError('NEEDS_PV_ADDONS', {
    message: `The VM ${uuid} has neither an agent nor PV drivers that could do this`,
    context: { uuid },
  });
}

async function waitFor(
  life: LifeContext,
  record: VmRecord,
  isThere: () => boolean,
  timeoutMs: number,
  signal: AbortSignal,
  code: 'SLEEP_TIMEOUT' | 'HIBERNATE_TIMEOUT' | 'TIMEOUT' = 'TIMEOUT',
): Promise<void> {
  const { clock } = life.host.services;
  try {
    await record.waitUntil(isThere, 'to do what its agent was asked for', {
      timeoutMs,
      clock,
      signal,
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new ManagerError(code, {
      message: `The agent of the VM ${record.uuid} took the request, and nothing came of it`,
      context: { uuid: record.uuid },
      cause,
    });
  }
}
