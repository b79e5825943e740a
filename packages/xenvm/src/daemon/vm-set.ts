/** The VMs of one daemon, and the tasks by which they come and go. */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { ConfigError, DomainError } from '@xenops/core/errors';
import { vmUuid } from '@xenops/core/ids';
import { EventLog } from '../notify/event-log.ts';
import type { TaskArguments, TaskDescription, TaskOutcome, TaskPort } from '../rpc/vm-port.ts';
import { serveVm, type ServedVm, type Surroundings } from './served-vm.ts';

const CONTROL_TASKS: readonly TaskDescription[] = [
  {
    name: 'add',
    doc: 'Serves the VM of a config file.',
    answers: 'text',
    parameters: [
      { name: 'config', type: 'string', isRequired: true },
      { name: 'uuid', type: 'string', isRequired: false, doc: 'Wins over the one in the file.' },
    ],
  },
  {
    name: 'remove',
    doc: 'Serves a VM no longer; its guest runs on.',
    answers: 'nothing',
    parameters: [{ name: 'uuid', type: 'string', isRequired: true }],
  },
  { name: 'list', doc: 'Gives the uuids, one a line.', answers: 'text', parameters: [] },
  { name: 'help', doc: 'Gives the tasks, one a line.', answers: 'text', parameters: [] },
  { name: 'quit', doc: 'Ends the daemon; all guests run on.', answers: 'nothing', parameters: [] },
];

/** What survives a restart of the daemon. */
export interface VmEntry {
  readonly uuid: string;
  readonly configPath: string | undefined;
}

/** How the set works. */
export interface VmSetOptions extends Surroundings {
  /** Whether only one VM will ever be in it. */
  readonly isAlone: boolean;
  /** Called when a VM has asked to be let go, and been. */
  readonly onQuit: () => void;
  /** Called after each change with what is served now. */
  readonly onChange: (entries: readonly VmEntry[]) => Promise<void>;
}

/** See the module comment. A port for the control socket of `xenvm serve`. */
export class VmSet implements TaskPort, AsyncDisposable {
  readonly tasks: readonly TaskDescription[] = CONTROL_TASKS;
  readonly events: EventLog = new EventLog(randomUUID());
  readonly #options: VmSetOptions;
  readonly #vms = new Map<string, ServedVm>();
  /** Uuids that are coming or going, so that nobody else touches them. */
  readonly #busy = new Set<string>();
  readonly #stop = new AbortController();
  /** What is under way with each of them; the end waits for it. */
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: VmSetOptions) {
    this.#options = options;
    // One for each start-up action, and Node would warn of a leak at eleven.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Those that are served. */
  get entries(): readonly VmEntry[] {
    return [...this.#vms.values()].map(({ uuid, configPath }) => ({ uuid, configPath }));
  }

  /** Serves a VM. Rejects with what is wrong with it, and with DOMAIN_WRONG_STATE when it is served already. */
  async add({ uuid, configPath }: VmEntry): Promise<void> {
    await this.#exclusively(uuid, async () => {
      if (this.#vms.has(uuid)) throw refusal(`VM ${uuid} is served already`, uuid);
      const requestQuit = (): void => this.#letGo(uuid);
      const { signal } = this.#stop;
      const served = await serveVm({ ...this.#options, uuid, configPath, requestQuit, signal });
      this.#vms.set(uuid, served);
      this.events.set(`vm/${uuid}`, { config: configPath ?? null });
    });
    await this.#options.onChange(this.entries);
  }

  /** Serves a VM no longer. Rejects with DOMAIN_NOT_FOUND. */
  async remove(uuid: string): Promise<void> {
    await this.#exclusively(uuid, async () => {
      const served = this.#vms.get(uuid);
      if (served === undefined) {
        throw new DomainError('DOMAIN_NOT_FOUND', {
          message: `This daemon serves no VM ${uuid}`,
          context: { uuid },
        });
      }
      try {
        await served[Symbol.asyncDispose]();
      } finally {
        this.#vms.delete(uuid);
        this.events.remove(`vm/${uuid}`);
      }
    });
    await this.#options.onChange(this.entries);
  }

  /** All of them read their config files again; what fails is logged. */
  async reloadConfigs(): Promise<void> {
    const { logger } = this.#options;
    const reloads = [...this.#vms.values()].map(async ({ uuid, vm }) => {
      try {
        await vm.reloadConfig();
      } catch (error) {
        logger.child({ vm: uuid }).log('error', 'The configuration stays as it was', error);
      }
    });
    await Promise.all(reloads);
  }

  async runTask(name: string, args: TaskArguments): Promise<TaskOutcome> {
    switch (name) {
      case 'add':
        return this.#addConfig(textOf(args, 'config'), args['uuid']);
      case 'remove':
        await this.remove(vmUuid(textOf(args, 'uuid')));
        return {};
      case 'list':
        return {
          text: this.entries.map(({ uuid }) => uuid).join('\n'),
          data: this.entries.map(({ uuid, configPath = null }) => ({ uuid, config: configPath })),
        };
      case 'help':
        return { text: this.tasks.map((task) => `${task.name}: ${task.doc}`).join('\n') };
      default:
        this.#options.onQuit();
        return {};
    }
  }

  /** Ends start-up actions that are under way. */
  interrupt(): void {
    this.#stop.abort();
  }

  /** Lets all VMs go, side by side. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.interrupt();
    await Promise.allSettled(this.#underWay);
    const ends = await Promise.allSettled(
      [...this.#vms.values()].map(async (served) => served[Symbol.asyncDispose]()),
    );
    this.#vms.clear();
    const failures: unknown[] = ends.flatMap((end) =>
      end.status === 'rejected' ? [new Error('A VM was not let go', { cause: end.reason })] : [],
    );
    if (failures.length > 0) throw new AggregateError(failures, 'Not every VM was let go cleanly');
  }

  async #addConfig(
    configPath: string,
    uuid: TaskArguments[string] | undefined,
  ): Promise<TaskOutcome> {
    const found = uuid ?? (await this.#options.provider.findUuid(configPath));
    if (typeof found !== 'string') {
      throw new ConfigError('CONFIG_BAD_VALUE', {
        message: `${configPath} says no uuid, and none was given`,
        context: { path: configPath },
      });
    }
    const checked = vmUuid(found);
    await this.add({ uuid: checked, configPath });
    return { text: checked };
  }

  /** For the `quit` of a VM itself, which must be answered before its doors close. */
  #letGo(uuid: string): void {
    const { isAlone, onQuit, logger } = this.#options;
    if (isAlone) {
      onQuit();
      return;
    }
    const leaving = this.remove(uuid).catch((error: unknown) => {
      logger.child({ vm: uuid }).log('error', 'The VM was not let go cleanly', error);
    });
    void this.#track(leaving);
  }

  /** Has the end wait for it. */
  async #track(work: Promise<void>): Promise<void> {
    this.#underWay.add(work);
    try {
      await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  async #exclusively(uuid: string, act: () => Promise<void>): Promise<void> {
    if (this.#busy.has(uuid)) throw refusal(`VM ${uuid} is being added or removed`, uuid);
    this.#busy.add(uuid);
    try {
      await this.#track(act());
    } finally {
      this.#busy.delete(uuid);
    }
  }
}

function textOf(args: TaskArguments, name: string): string {
  const value = args[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `The argument ${name} is missing`,
    context: { argument: name },
  });
}

function refusal(message: string, uuid: string): DomainError {
  return new DomainError('DOMAIN_WRONG_STATE', { message, context: { uuid } });
}
