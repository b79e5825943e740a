/** The states of a VM: those of the monitor, `pre-create` before it, and what clients are told. Pure. */
import type { MonitorState } from '../monitor/monitors.ts';
import type { PublicState } from './life.ts';

/** A start has begun and there is nothing of it yet. */
export const PRE_CREATE = 'pre-create';

const PUBLIC: Readonly<Record<string, PublicState>> = {
  'pre-create': 'creating',
  'creating-domain': 'creating',
  'creating-devices': 'creating',
  created: 'creating',
  running: 'running',
  paused: 'paused',
  shutdowning: 'stopping',
  shutdown: 'stopped',
  rebooting: 'rebooting',
  rebooted: 'rebooted',
  suspending: 'suspending',
  suspended: 'suspended',
  restoring: 'restoring',
};

/** States in which the monitor has no domain and makes none. */
const WITHOUT_DOMAIN: readonly string[] = ['shutdown', 'rebooted', 'suspended'];
/** States in which memory and devices are there. */
const COMPLETE: readonly string[] = ['created', 'running', 'paused', 'shutdowning', 'suspending'];

/** What clients are told. */
export function publicStateOf(internal: string): PublicState {
  return PUBLIC[internal] ?? 'stopped';
}

/** Whether a VM in this state has a domain, or is about to have one. */
export function isAlive(internal: string): boolean {
  return !WITHOUT_DOMAIN.includes(internal);
}

/** Whether its memory has been given to it. */
export function isBuilt(internal: string): boolean {
  return internal === 'creating-devices' || isComplete(internal);
}

/** Whether all its devices exist. */
export function isComplete(internal: string): boolean {
  return COMPLETE.includes(internal);
}

/** Whether it is a step of being created, which hooks do not hear of. */
export function isCreationStep(internal: string): boolean {
  return ['creating-domain', 'creating-devices', 'created'].includes(internal);
}

/** A VM that no monitor knows is off. */
export const UNSERVED: MonitorState = { status: 'shutdown', domid: -1 };
