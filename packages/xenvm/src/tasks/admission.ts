/** Whether a task may begin, by the state of its VM. Pure. */
import { hasDomain, publishedState, WITHOUT_DOMAIN, type LifeState } from '../life/states.ts';
import { VmError } from '../life/vm-error.ts';
import type { TaskCalls, TaskName } from './task-calls.ts';
import { TASKS } from './task-table.ts';
import type { TaskLane, TaskSpec } from './task.ts';

/** What of a VM decides. */
export interface Admitting {
  readonly state: LifeState;
  /** Of its domain, -1 without one. */
  readonly domid: number;
}

/** Throws VM_ALREADY_CREATED (a start where a domain is) or VM_WRONG_STATE, which names the states that would do. */
export function assertAdmitted(name: TaskName, { state, domid }: Admitting): void {
  const { states } = TASKS[name];
  if (states.includes(state)) return;
  const told = {
    state: publishedState(state),
    expected: [...new Set(states.map(publishedState))].join(', '),
  };
  if (states === WITHOUT_DOMAIN && hasDomain(state)) {
    throw new VmError('VM_ALREADY_CREATED', {
      message: `The VM cannot ${name}: it has domain ${domid} already and is ${told.state}; it can when it is ${told.expected}`,
      context: { task: name, domid, ...told },
    });
  }
  throw new VmError('VM_WRONG_STATE', {
    message: `The VM cannot ${name} while it is ${told.state}; it can when it is ${told.expected}`,
    context: { task: name, ...told },
  });
}

/** The lane of a call: a task that is forced overtakes. */
export function laneOf<Name extends TaskName>(name: Name, args: TaskCalls[Name]): TaskLane {
  const { lane, overtakesWith }: TaskSpec<TaskCalls[Name]> = TASKS[name];
  return overtakesWith !== undefined && args[overtakesWith] === true ? 'overtake' : lane;
}
