/**
 * What follows from the events of a VM, in the order in which it is done for each event. A reaction waits for xenstore
 * and the database at most; what calls others or the guest is a job. What one throws is logged and the next is asked.
 */
import type { EventHandler } from '../concurrency/event-queue.ts';
import { agentReaction, addonsReaction, clockReaction } from './guest-reactions.ts';
import { settingsOf, tellParts, type LifeContext } from './context.ts';
import { endReaction } from './end-reaction.ts';
import { acpiStateOf } from './acpi.ts';
import { storeHibernated } from './power.ts';
import { isCreationStep, publicStateOf } from './states.ts';
import { wake } from './stop.ts';
import type { VmEvent } from './vm-events.ts';
import type { VmRecord } from './vm-record.ts';

/** A reaction of one VM. */
export type Reaction = (life: LifeContext, record: VmRecord) => EventHandler<VmEvent>;

/** How long a guest may take to wake when it is woken by itself. */
const WAKE_TIMEOUT_MS = 10_000;
/** For a guest that says it hibernates to be off. */
const OFF_TIMEOUT_MS = 60_000;
/** Hooks of one VM that may wait; a guest that changes its state faster than that gets no more of them. */
const HOOKS_WAITING_MAX = 64;
const ASLEEP = 3;
const HIBERNATED = 4;

const logged: Reaction =
  (life, { uuid }) =>
  (event) => {
    const log = life.log.child({ vm: uuid });
    if (event.kind === 'state') log.log('info', `The VM is ${event.internal}`);
    if (event.kind === 'acpi') log.log('info', `The power state of the guest is ${event.state}`);
  };

const shutdownReason: Reaction = (_life, record) => (event) => {
  if (event.kind === 'state') {
    if (event.internal === 'created') record.shutdownReason = 'halt';
    if (event.internal === 'rebooted') record.shutdownReason = 'reboot';
  }
  if (event.kind === 'acpi' && event.state === HIBERNATED) record.shutdownReason = 'hibernate';
  if (event.kind === 'acpi' && event.state === 5) record.shutdownReason = 'acpi-poweroff';
};

const measurement: Reaction =
  (life, { uuid }) =>
  (event, { startJob }) => {
    if (event.kind !== 'measurement-failed') return;
    life.log.child({ vm: uuid }).log('error', `A measured disk is not as it was: ${event.text}`);
    startJob('acting upon a changed disk', async () => life.options.onMeasurementFailed?.(uuid));
  };

const networkDaemon: Reaction =
  (life, { uuid }) =>
  (event, { startJob }) => {
    if (event.kind !== 'state' || !settingsOf(life, uuid).flag('provides-network-backend')) return;
    const { domid } = event;
    if (isBoot(event)) {
      startJob('telling the network daemon', () => life.peers.network.ndvmStatus(uuid, domid, 1));
    }
    if (event.internal === 'shutdown') {
      startJob('telling the network daemon', () => life.peers.network.ndvmStatus(uuid, -1, 0));
    }
  };

const boot: Reaction =
  (life, record) =>
  async (event, { startJob }) => {
    if (!isBoot(event)) return;
    const { uuid } = record;
    const { domid } = event;
    record.runningSinceMs = life.host.services.clock.nowMs();
    if (settingsOf(life, uuid).flag('usb-enabled')) {
      startJob('telling the USB daemon', () =>
        quietly(life, () => life.peers.usb.vmStarted(domid)),
      );
    }
    await tellParts(life, uuid, (part) => part.running?.(uuid, domid));
  };

const power: Reaction =
  (life, record) =>
  async (event, { startJob }) => {
    if (event.kind !== 'acpi') return;
    const { uuid } = record;
    if (event.state === HIBERNATED) await storeHibernated(life, uuid);
    if (event.state === ASLEEP && settingsOf(life, uuid).flag('auto-s3-wake')) {
      startJob('waking the guest', (signal) => wake(life, record, WAKE_TIMEOUT_MS, signal));
    }
  };

const internalState: Reaction =
  (life, { uuid }) =>
  async (event) => {
    if (event.kind === 'state') await life.nodes.writeState(uuid, event.internal);
  };

const shownSettings: Reaction = (life, record) => async (event) => {
  const { uuid, domid } = record;
  if (event.kind !== 'shown-settings' || domid < 0) return;
  await life.nodes.writeShown(life.database.view(), uuid, domid);
};

/** The VM that has the power of the host takes the host with it. */
const powerLink: Reaction =
  (life, record) =>
  (event, { startJob }) => {
    const { uuid } = record;
    const isPoweredOff =
      event.kind === 'state' &&
      event.internal === 'shutdown' &&
      record.shutdownReason === 'acpi-poweroff';
    const acpi = event.kind === 'acpi' ? event.state : undefined;
    if (!isPoweredOff && acpi !== ASLEEP && acpi !== HIBERNATED) return;
    if (!settingsOf(life, uuid).flag('control-platform-power-state')) return;
    if (!life.options.isHostIdle()) return;
    if (life.database.view().exists('/updatemgr/update-state')) return;
    startJob('having the host follow the VM', async (signal) => {
      if (acpi === HIBERNATED) {
        const options = { timeoutMs: OFF_TIMEOUT_MS, clock: life.host.services.clock, signal };
        await record.waitUntil(() => !record.isAlive, 'to be off', options);
      }
      const action = acpi === HIBERNATED ? 'hibernate' : acpi === ASLEEP ? 'sleep' : 'shutdown';
      await life.options.onPowerLink?.(uuid, action);
    });
  };

const hooks: Reaction = (life, record) => (event) => {
  const { uuid } = record;
  if (event.kind === 'state' && !isCreationStep(event.internal)) {
    queueHook(life, record, 'run-on-state-change', [uuid, publicStateOf(event.internal)]);
  }
  if (event.kind === 'acpi') {
    queueHook(life, record, 'run-on-acpi-state-change', [uuid, String(event.state)]);
  }
};

/** Several states of the monitor are one to clients, who are told of it once. */
const announced: Reaction = (life, record) => {
  let told = '';
  return (event) => {
    if (event.kind !== 'state' && event.kind !== 'acpi') return;
    const { uuid } = record;
    const internal = event.kind === 'state' ? event.internal : record.internal;
    const state = publicStateOf(internal);
    const acpi = event.kind === 'acpi' ? event.state : acpiStateOf(life, record);
    const now = `${state} ${acpi}`;
    if (now !== told) life.announce.vmStateChanged(uuid, state, acpi);
    told = now;
    life.announce.vmPropertiesChanged(uuid, ['state', 'acpi-state', 'domid']);
  };
};

const IN_ORDER: readonly Reaction[] = [
  ...[logged, agentReaction, addonsReaction, clockReaction, shutdownReason, measurement],
  ...[
    networkDaemon,
    boot,
    shownSettings,
    endReaction,
    power,
    internalState,
    powerLink,
    hooks,
    announced,
  ],
];

/** The reactions of a VM, in order. */
export function reactionsOf(
  life: LifeContext,
  record: () => VmRecord,
): readonly EventHandler<VmEvent>[] {
  return IN_ORDER.map((reaction) => {
    let handler: EventHandler<VmEvent> | undefined;
    return (event, context) => (handler ??= reaction(life, record()))(event, context);
  });
}

/** Whether the guest begins to run, and does not merely go on. */
function isBoot(event: VmEvent): event is Extract<VmEvent, { kind: 'state' }> {
  if (event.kind !== 'state' || event.internal !== 'running') return false;
  return !['paused', 'suspending', 'shutdowning', 'running'].includes(event.before);
}

/** Behind those of earlier events. */
function queueHook(
  life: LifeContext,
  record: VmRecord,
  hook: string,
  args: readonly string[],
): void {
  const { uuid } = record;
  if (settingsOf(life, uuid).text(hook) === '') return;
  const log = life.log.child({ vm: uuid });
  if (record.hooksWaiting >= HOOKS_WAITING_MAX) {
    log.log('warn', `${hook} is left out: too many hooks wait`);
    return;
  }
  record.hooksWaiting += 1;
  record.hooks = record.hooks
    .then(() => life.runHook(uuid, hook, args))
    .catch((error: unknown) => log.log('warn', `${hook} failed`, error))
    .finally(() => {
      record.hooksWaiting -= 1;
    });
}

/** A daemon that is not there misses nothing. */
async function quietly(life: LifeContext, call: () => Promise<void>): Promise<void> {
  await call().catch((error: unknown) => life.log.log('debug', 'A daemon does not answer', error));
}
