/** A port with tasks that tests steer. */
import { DomainError } from '@xenops/core/errors';
import { EventLog } from '../notify/event-log.ts';
import type { TaskArguments, TaskCall, TaskDescription, TaskOutcome, TaskPort } from './vm-port.ts';

export const UUID = '11111111-2222-3333-4444-555555555555';

/** A call that a test answers. */
export interface HeldCall extends TaskCall {
  readonly args: TaskArguments;
  readonly resolve: (outcome: TaskOutcome) => void;
  readonly reject: (error: Error) => void;
}

const TASKS: readonly TaskDescription[] = [
  { name: 'get-status', doc: 'Gives the state.', answers: 'text', parameters: [] },
  {
    name: 'start',
    doc: 'Starts the VM.',
    answers: 'nothing',
    parameters: [{ name: 'paused', type: 'bool', isRequired: false, default: 'false' }],
  },
  {
    name: 'set-vcpus',
    doc: 'Has its arguments echoed by an event.',
    answers: 'nothing',
    parameters: [{ name: 'count', type: 'int', isRequired: true }],
  },
  { name: 'get-config', doc: 'Gives its arguments.', answers: 'text', parameters: [] },
  { name: 'echo', doc: 'Gives its arguments.', answers: 'text', parameters: [] },
  { name: 'hold', doc: 'Waits for the test.', answers: 'nothing', parameters: [] },
  { name: 'halt', doc: 'Fails as a task does.', answers: 'nothing', parameters: [] },
  { name: 'break', doc: 'Fails by a fault of ours.', answers: 'nothing', parameters: [] },
];

/** What `halt` fails with: an error with a historical name. */
export class NotListening extends DomainError {
  readonly historical = {
    readable: 'error: shutdown request halt not acknowledged',
    rendered: 'Vmact.Vm_not_listening_shutdown_request(4)',
  };
}

/** See the module comment. */
export class FakePort implements TaskPort {
  readonly tasks: readonly TaskDescription[] = TASKS;
  readonly events: EventLog = new EventLog('epoch-1', 16);
  readonly held: HeldCall[] = [];
  /** Called with each call of `hold`. */
  onHeld: (call: HeldCall) => void = () => undefined;

  /** Resolves with the next call of `hold`. */
  nextHeld(): Promise<HeldCall> {
    return new Promise((resolve) => {
      this.onHeld = resolve;
    });
  }

  async runTask(name: string, args: TaskArguments, call: TaskCall): Promise<TaskOutcome> {
    switch (name) {
      case 'get-status':
        return { text: 'running' };
      case 'set-vcpus':
        this.events.set('vcpus', { ...args });
        return {};
      case 'get-config':
      case 'echo':
        return { text: JSON.stringify(args), data: { ...args } };
      case 'halt':
        throw new NotListening('DOMAIN_WRONG_STATE', {
          message: 'The guest did not answer',
          context: { state: 'running', timeoutMs: 30_000 },
        });
      case 'break':
        throw new TypeError('secret internals');
      case 'hold':
        return this.#hold(args, call);
      default:
        return {};
    }
  }

  #hold(args: TaskArguments, call: TaskCall): Promise<TaskOutcome> {
    return new Promise((resolve, reject) => {
      const held = { ...call, args, resolve, reject };
      this.held.push(held);
      this.onHeld(held);
    });
  }
}
