/** What the errors of a monitor are called here. */
import { hasCode } from '@xenops/core/errors';
import { ManagerError, type ManagerErrorCode } from '../manager/manager-error.ts';
import type { RemoteFailure } from './message-codec.ts';

/** By the code of the monitor; anything else is MONITOR_FAILED. */
const BY_NAME: Readonly<Record<string, ManagerErrorCode>> = {
  VM_NO_MEMORY: 'NOT_ENOUGH_MEMORY',
  DOMAIN_NO_MEMORY: 'NOT_ENOUGH_MEMORY',
  HYPERVISOR_NO_MEMORY: 'NOT_ENOUGH_MEMORY',
  VM_WRONG_STATE: 'VM_WRONG_STATE',
  DOMAIN_WRONG_STATE: 'VM_WRONG_STATE',
  VM_WRONG_END: 'VM_STOPPED_OTHERWISE',
  VM_NOT_LISTENING: 'VM_DID_NOT_SHUT_DOWN',
  VM_DID_NOT_SHUT_DOWN: 'VM_DID_NOT_SHUT_DOWN',
  VM_ALREADY_CREATED: 'VM_ALREADY_CREATED',
  VM_NEEDS_CAPABILITY: 'NEEDS_CAPABILITY',
  CONFIG_BAD_VALUE: 'BAD_VALUE',
  DOMAIN_NOT_FOUND: 'NOT_FOUND',
  TIMEOUT: 'TIMEOUT',
};

/** Parts of the texts of a monitor that has no codes, in the order in which they are looked for. */
const BY_TEXT: readonly (readonly [string, ManagerErrorCode])[] = [
  ['Not_enough_free_memory', 'NOT_ENOUGH_MEMORY'],
  ['Could not allocate memory for HVM guest', 'NOT_ENOUGH_MEMORY'],
  ['Vm_bad_state', 'VM_WRONG_STATE'],
  ['Vm_shutdown_wrong_reason', 'VM_STOPPED_OTHERWISE'],
  ['Vm_didnt_shutdown', 'VM_DID_NOT_SHUT_DOWN'],
  ['Vm_is_already_created', 'VM_ALREADY_CREATED'],
  ['RequiresMoreCapabilities', 'NEEDS_CAPABILITY'],
  ['Device.Tap2.Mount_failure', 'DISK_MOUNT_FAILED'],
];

/** The error for a task that the monitor refused or that failed there. */
export function refusalError(uuid: string, task: string, failure: RemoteFailure): ManagerError {
  const { name, texts, context } = failure;
  const byText = BY_TEXT.find(([part]) => texts.some((text) => text.includes(part)))?.[1];
  const code = (name === undefined ? byText : BY_NAME[name]) ?? 'MONITOR_FAILED';
  return new ManagerError(code, {
    message: texts.join(': '),
    context: { ...context, uuid, task, monitorCode: name ?? '' },
  });
}

/** The error for a call that got no answer: time is over, it was called off, or the connection ended. */
export function unansweredError(uuid: string, task: string, cause: unknown): ManagerError {
  if (cause instanceof ManagerError) return cause;
  const context = { uuid, task };
  if (hasCode(cause, 'TIMEOUT')) {
    const message = `The monitor of the VM ${uuid} did not finish ${task} in its time`;
    return new ManagerError('TIMEOUT', { message, context, cause });
  }
  if (hasCode(cause, 'ABORTED')) {
    const message = `${task} of the VM ${uuid} was called off`;
    return new ManagerError('MONITOR_FAILED', { message, context, cause });
  }
  const message = `The monitor of the VM ${uuid} went away, or cannot be reached, during ${task}`;
  return new ManagerError('MONITOR_FAILED', { message, context, cause });
}
