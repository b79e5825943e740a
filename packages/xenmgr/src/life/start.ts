/** Starting a VM, in its turn among the operations on it. */
import { setMaxListeners } from 'node:events';
import { ManagerError } from '../manager/manager-error.ts';
import { recordOf, settingsOf, type LifeContext } from './context.ts';
import { runSteps } from './run-steps.ts';
import { PRE_CREATE } from './states.ts';
import { START_STEPS, waitReady, type Start } from './start-steps.ts';
import type { VmRecord } from './vm-record.ts';

const CONCLUDE_TIMEOUT_MS = 150_000;

/** How a VM is started. */
export interface StartRequest {
  /** The image it comes out of; undefined for a boot. */
  readonly image?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Starts a VM; one that runs stays as it is. Rejects with ManagerError, and nothing of the start is left then. */
export async function startVm(
  life: LifeContext,
  uuid: string,
  { image, signal }: StartRequest = {},
): Promise<void> {
  const record = recordOf(life, uuid);
  const start: Start = {
    ...{ life, record, uuid, image },
    configuredImage: undefined,
    making: undefined,
  };
  const isStarted = await record.operations.run(
    'start',
    async (own) => {
      setMaxListeners(0, own);
      if (record.isAlive) {
        life.log
          .child({ vm: uuid })
          .log('info', `The VM is ${record.internal} and not started again`);
        return false;
      }
      assertHostIdle(life, uuid);
      await startNow(start, own);
      return true;
    },
    { signal },
  );
  // Not among the operations: a guest that never gets ready can be stopped all the same.
  if (isStarted) await waitReady(start, signal);
}

function assertHostIdle({ options }: LifeContext, uuid: string): void {
  if (options.isHostIdle()) return;
  throw new ManagerError('HOST_NOT_IDLE', {
    message: `The VM ${uuid} is not started while the host goes down or sleeps`,
    context: { uuid },
  });
}

async function startNow(start: Start, signal: AbortSignal): Promise<void> {
  const { life, record, uuid } = start;
  const log = life.log.child({ vm: uuid });
  record.restart?.[Symbol.dispose]();
  record.isStopWanted = false;
  record.acpi = undefined;
  record.isAcpiOld = false;
  record.shutdownReason = 'creation-failure';
  record.setStarting(true);
  try {
    await life.nodes.markStarting(uuid);
    await runSteps(START_STEPS, start, { signal, log });
  } catch (error) {
    if (error instanceof ManagerError && error.code === 'MEASUREMENT_FAILED') {
      record.post({ kind: 'measurement-failed', text: error.message });
    }
    await conclude(life, record);
    throw asManagerError(error, uuid, signal);
  } finally {
    await life.nodes.unmarkStarting(uuid);
  }
  log.log('info', `The VM runs as domain ${record.domid}`);
  await forgetHibernation(life, uuid);
}

/** After a start that failed the VM is off, whatever it was before; one that lies in an image still does. */
async function conclude(life: LifeContext, record: VmRecord): Promise<void> {
  const { uuid } = record;
  life.memory.release(uuid);
  try {
    if (record.monitor.status === 'rebooted') {
      await life.monitors.call(uuid, 'destroy', {}, { timeoutMs: CONCLUDE_TIMEOUT_MS });
    }
  } catch (error) {
    life.log.child({ vm: uuid }).log('error', 'The monitor does not give the VM up', error);
  }
  if (record.internal === PRE_CREATE) record.setStarting(false);
}

/** Only now: a boot that fails must not lose what is known of the guest's image. */
async function forgetHibernation(life: LifeContext, uuid: string): Promise<void> {
  if (!settingsOf(life, uuid).flag('hibernated')) return;
  await life.database.transact((draft) => {
    if (draft.exists(`/vm/${uuid}`)) draft.write(`/vm/${uuid}/hibernated`, 'false');
  });
}

function asManagerError(error: unknown, uuid: string, signal: AbortSignal): unknown {
  if (error instanceof ManagerError || signal.aborted) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known =
    code === 'CONFIG_BAD_VALUE' ? 'BAD_VALUE' : code === 'TIMEOUT' ? 'TIMEOUT' : 'INTERNAL';
  const detail = error instanceof Error ? error.message : String(error);
  return new ManagerError(known, {
    message: `The VM ${uuid} cannot be started: ${detail}`,
    context: { uuid },
    cause: error,
  });
}
