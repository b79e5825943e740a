/** Errors of VMs and of the tasks on them. Clients match on `code`; old clients match on parts of the historical texts. */
import { XenopsError } from '@xenops/core/errors';
import type { HistoricalTexts } from '../rpc/rpc-errors.ts';
import { historicalTexts } from './historical-texts.ts';

export type VmErrorCode =
  /** The state of the VM does not allow this; `context.state` and `.expected` (words with commas) say which does. */
  | 'VM_WRONG_STATE'
  /** It has a domain already; `context.domid`, `.state`. */
  | 'VM_ALREADY_CREATED'
  /** The host has too little free memory; `context.neededKib`, `.freeKib`. */
  | 'VM_NO_MEMORY'
  /** The guest did not react to a request; `context.request`. */
  | 'VM_NOT_LISTENING'
  /** The guest ended otherwise than asked; `context.expected`, `.seen`. */
  | 'VM_WRONG_END'
  /** The guest acknowledged and did not shut down. */
  | 'VM_DID_NOT_SHUT_DOWN'
  /** The host lacks something the configuration needs; `context.capabilities`. */
  | 'VM_NEEDS_CAPABILITY'
  /** This monitor, or this kind of guest, cannot do it. */
  | 'VM_NOT_SUPPORTED'
  /** The configuration lacks something that a start needs. */
  | 'VM_CONFIG_INCOMPLETE'
  /** It has no such disk, network interface or PCI device. */
  | 'VM_NO_DEVICE'
  /** Its queue is full. */
  | 'VM_BUSY'
  /** A forced stop has overtaken this operation. */
  | 'VM_OVERTAKEN'
  /** The monitor is about to end and takes no more work. */
  | 'VM_CLOSING'
  | 'TASK_UNKNOWN'
  /** `context.argument`. */
  | 'TASK_ARGUMENT_MISSING'
  /** `context.argument`. */
  | 'TASK_ARGUMENT_INVALID';

export class VmError extends XenopsError<VmErrorCode> {
  /** How the old monitor said it; undefined for an error that it did not have. */
  get historical(): HistoricalTexts | undefined {
    return historicalTexts(this.code, this.context);
  }
}

/** Whether the error is one of a VM, with one of these codes when any are named. */
export function isVmError(error: unknown, ...codes: readonly VmErrorCode[]): error is VmError {
  return error instanceof VmError && (codes.length === 0 || codes.includes(error.code));
}
