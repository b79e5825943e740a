/** What follows when the domain of a VM is gone: others let go of it, and it is started again where that is wanted. */
import type { EventContext } from '../concurrency/event-queue.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { settingsOf, tellParts, type LifeContext } from './context.ts';
import { decideKeepAlive } from './keep-alive.ts';
import { isAlive, PRE_CREATE } from './states.ts';
import type { VmRecord } from './vm-record.ts';
import type { Reaction } from './reactions.ts';

/** The state in which a VM waits to be started again. */
const REBOOTED = 'rebooted';
const DESTROY_TIMEOUT_MS = 150_000;

export const endReaction: Reaction = (life, record) => async (event, context) => {
  if (event.kind !== 'state' || isAlive(event.internal)) return;
  const { uuid } = record;
  record.acpi = undefined;
  // Of a start that has only begun there is nothing to forget.
  if (isAlive(event.before) && event.before !== PRE_CREATE) await forget(life, record, context);
  if (event.internal === REBOOTED) bootAgain(life, record, context);
  if (event.internal === 'shutdown') {
    context.startJob('giving memory back', (signal) => life.memory.giveBack(signal));
    if (settingsOf(life, uuid).flag('keep-alive')) keepAlive(life, record);
  }
};

async function forget(
  life: LifeContext,
  record: VmRecord,
  { startJob }: EventContext,
): Promise<void> {
  const { uuid } = record;
  const shown = await life.nodes.shownDomid(uuid);
  // It may have been started again before anybody came to look at its end.
  const ended = [shown, record.lastDomid].filter((each) => each !== record.domid);
  const domid = ended.find((each) => each >= 0) ?? -1;
  if (domid >= 0) {
    startJob('telling the USB daemon', async () => {
      await life.peers.usb.vmStopped(domid).catch((error: unknown) => {
        life.log.log('debug', 'The USB daemon does not answer', error);
      });
    });
  }
  await tellParts(life, uuid, (part) => part.gone?.(uuid, domid));
  await life.nodes.removeShown(uuid, record.domid);
}

function bootAgain(life: LifeContext, record: VmRecord, { startJob }: EventContext): void {
  const { uuid } = record;
  if (settingsOf(life, uuid).flag('preserve-on-reboot')) return;
  if (record.isStopWanted || !life.options.isHostIdle()) {
    // Whoever stops it does not want it back, and it must not stay between two boots.
    startJob('ending a reboot', async (signal) => {
      const timeoutMs = DESTROY_TIMEOUT_MS;
      await life.monitors.call(uuid, 'destroy', {}, { timeoutMs, signal });
    });
    return;
  }
  startJob('starting the VM again', (signal) => life.start(uuid, { signal }));
}

function keepAlive(life: LifeContext, record: VmRecord): void {
  const { uuid } = record;
  const log = life.log.child({ vm: uuid });
  if (record.isStopWanted || !life.options.isHostIdle()) {
    record.quickEnds = 0;
    return;
  }
  const { clock } = life.host.services;
  const since = record.runningSinceMs;
  const livedMs = since === undefined ? undefined : clock.nowMs() - since;
  record.runningSinceMs = undefined;
  const decision = decideKeepAlive(livedMs, record.quickEnds);
  // Whoever starts it after it was given up means it anew.
  record.quickEnds = decision.kind === 'give-up' ? 0 : decision.quickEnds;
  if (decision.kind === 'give-up') {
    log.log('error', `The VM went down ${decision.quickEnds} times at once and is left alone`);
    return;
  }
  log.log('info', `The VM shall run and is started again in ${decision.delayMs / 1000} s`);
  record.restart?.[Symbol.dispose]();
  record.restart = clock.startTimer(decision.delayMs, () => {
    life.start(uuid).catch((error: unknown) => {
      const isExpected = error instanceof ManagerError && error.code === 'HOST_NOT_IDLE';
      log.log(isExpected ? 'info' : 'error', 'The VM cannot be started again', error);
    });
  });
}
