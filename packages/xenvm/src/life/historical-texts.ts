/**
 * The texts of the old monitor for its errors. Managers match parts of the D-Bus form, so those are a contract: the names of the
 * exceptions, and `config requires ...`. The numbers in them were positions in lists.
 */
import type { ErrorContext } from '@xenops/core/errors';
import type { HistoricalTexts } from '../rpc/rpc-errors.ts';
import { STATE_NAMES } from './states.ts';
import type { VmErrorCode } from './vm-error.ts';

const REASONS: readonly string[] = ['poweroff', 'reboot', 'suspend', 'crash', 'halt'];
const KIB_PER_MIB = 1024;

/** The two texts for an error, or undefined when the old monitor had none like it. */
export function historicalTexts(
  code: VmErrorCode,
  context: ErrorContext,
): HistoricalTexts | undefined {
  const word = (name: string): string => String(context[name] ?? '');
  const mib = (name: string): number => Math.floor(Number(context[name] ?? 0) / KIB_PER_MIB);
  switch (code) {
    case 'VM_NO_MEMORY':
      return {
        readable: `error: not enough memory: ${mib('neededKib')} Mb requested, ${mib('freeKib')} Mb available`,
        rendered: 'Vmact.Not_enough_free_memory(_)',
      };
    case 'VM_NOT_LISTENING':
      return {
        readable: `error: shutdown request ${word('request')} not acknowledged`,
        rendered: `Vmact.Vm_not_listening_shutdown_request(${reasonNumber(word('request'))})`,
      };
    case 'VM_WRONG_END':
      return {
        readable: `error: shutdown for wrong reason: expected ${word('expected')}, got ${word('seen')}`,
        rendered: `Vmact.Vm_shutdown_wrong_reason(${reasonNumber(word('expected'))}, ${reasonNumber(word('seen'))})`,
      };
    case 'VM_DID_NOT_SHUT_DOWN':
      return { readable: "error: shutdown didn't complete", rendered: 'Vmact.Vm_didnt_shutdown' };
    case 'VM_WRONG_STATE':
      return {
        readable: `operation cannot be performed: vm is ${word('state')}, expecting ${word('expected')}`,
        rendered: `Vmact.Vm_bad_state(${stateNumber(word('state'))}, ${stateNumber(word('expected').split(', ')[0] ?? '')})`,
      };
    case 'VM_ALREADY_CREATED':
      return {
        // Misspelled as it always was.
        readable: `vm is apparenlty already created: domid ${word('domid')}, state ${word('state')}`,
        rendered: `Vmact.Vm_is_already_created(${word('domid')}, ${stateNumber(word('state'))})`,
      };
    case 'VM_NEEDS_CAPABILITY': {
      const text = `Vmconfig.Config.RequiresMoreCapabilities("config requires ${word('capabilities')}")`;
      return { readable: text, rendered: text };
    }
    case 'TASK_ARGUMENT_MISSING':
      return {
        readable: `tasks argument not found: ${word('argument')}`,
        rendered: `Tasks.Argument_not_found("${word('argument')}")`,
      };
    case 'TASK_ARGUMENT_INVALID':
      return {
        readable: `tasks argument using invalid type: ${word('argument')}`,
        rendered: `Tasks.Invalid_type_registered("${word('argument')}")`,
      };
    default:
      return undefined;
  }
}

const reasonNumber = (reason: string): number => Math.max(0, REASONS.indexOf(reason));
const stateNumber = (state: string): number =>
  Math.max(
    0,
    STATE_NAMES.findIndex((name) => name === state),
  );
