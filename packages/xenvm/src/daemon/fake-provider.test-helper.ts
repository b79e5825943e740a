/** VMs that only say what they are asked; the config file of one is `key=value` lines with uuid, notify and fail. */
import { readFile } from 'node:fs/promises';
import { ConfigError, DomainError } from '@xenops/core/errors';
import type { EventLog } from '../notify/event-log.ts';
import { NOTIFICATION } from '../notify/notification.ts';
import type { NotifyTarget } from '../notify/transport.ts';
import { FakePort } from '../rpc/fake-port.test-helper.ts';
import type { TaskArguments, TaskCall, TaskDescription, TaskOutcome } from '../rpc/vm-port.ts';
import type { OpenVmOptions, VmProvider, VmService } from './vm-service.ts';

const QUIT: TaskDescription = { name: 'quit', doc: 'Quits.', answers: 'nothing', parameters: [] };

/** See the module comment. */
export class FakeProvider implements VmProvider {
  readonly opened: OpenVmOptions[] = [];
  readonly done: string[] = [];

  async findUuid(configPath: string): Promise<string | undefined> {
    return (await readKeys(configPath)).get('uuid');
  }

  async openVm(options: OpenVmOptions): Promise<VmService> {
    this.opened.push(options);
    const keys = await readKeys(options.configPath);
    const listener = keys.get('notify');
    const targets: readonly NotifyTarget[] =
      listener === undefined
        ? [{ kind: 'dbus' }]
        : [{ kind: 'dbus' }, { kind: 'unix', path: listener }];
    options.setNotifyTargets(targets);
    return new FakeVm(options, this.done, keys.get('fail') === 'true');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.done.push('provider closed');
  }
}

class FakeVm implements VmService {
  readonly tasks: readonly TaskDescription[];
  readonly events: EventLog;
  readonly #port = new FakePort();
  readonly #options: OpenVmOptions;
  readonly #done: string[];
  readonly #fails: boolean;

  constructor(options: OpenVmOptions, done: string[], fails: boolean) {
    this.#options = options;
    this.#done = done;
    this.#fails = fails;
    this.events = options.events;
    this.tasks = [...this.#port.tasks, QUIT];
  }

  async startUp(): Promise<void> {
    if (this.#fails) throw new DomainError('DOMAIN_NO_MEMORY', { message: 'Too little memory' });
    this.#options.events.set('vm', { state: 'running' });
    this.#options.notifier.notify(NOTIFICATION.state, ['vm', 'state', 'running']);
  }

  async reloadConfig(): Promise<void> {
    this.#done.push(`reloaded ${this.#options.uuid}`);
  }

  async runTask(name: string, args: TaskArguments, call: TaskCall): Promise<TaskOutcome> {
    if (name !== 'quit') return this.#port.runTask(name, args, call);
    this.#options.requestQuit();
    return {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#done.push(`let go ${this.#options.uuid}`);
  }
}

async function readKeys(configPath: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (configPath === undefined) return new Map();
  try {
    const lines = (await readFile(configPath, 'utf8')).split('\n');
    return new Map(lines.map((line) => [line.split('=')[0] ?? '', line.split('=')[1] ?? '']));
  } catch (cause) {
    throw new ConfigError('CONFIG_BAD_VALUE', { message: `Cannot read ${configPath}`, cause });
  }
}
