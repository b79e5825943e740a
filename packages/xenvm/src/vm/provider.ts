/** Where the daemon gets its VMs from: their files, this host, and its events. */
import { readFile } from 'node:fs/promises';
import { randomMac } from '@xenops/core/devices';
import { HostEvents } from '@xenops/core/events';
import type { Host } from '@xenops/core/host';
import { vmUuid, type VmUuid } from '@xenops/core/ids';
import { defaultConfig, parseConfig, type VmConfig } from '../config/index.ts';
import type { OpenVmOptions, VmProvider, VmService } from '../daemon/vm-service.ts';
import { stageConfig } from '../life/config-slots.ts';
import { assertAdmitted, laneOf } from '../tasks/admission.ts';
import { getTask, parseArguments, TASK_DESCRIPTIONS } from '../tasks/arguments.ts';
import type { TaskCalls, TaskName } from '../tasks/task-calls.ts';
import { TASKS } from '../tasks/task-table.ts';
import type { TaskArguments, TaskCall, TaskOutcome } from '../rpc/vm-port.ts';
import { CoreHost } from './core-host.ts';
import { planRestore, planStart } from './plan.ts';
import {
  readConfigFile,
  TASK_HANDLERS,
  type TaskHandlers,
  type TaskSurroundings,
} from './task-handlers.ts';
import { Vm } from './vm.ts';
import { XenstoreVmStore } from './xenstore-vm-store.ts';

/** Opens the events of the host; disposing closes them and leaves the host open. */
export async function openVmProvider(host: Host): Promise<VmProvider> {
  const events = await HostEvents.open(host, { devices: false });
  return new CoreVmProvider(host, events);
}

class CoreVmProvider implements VmProvider {
  readonly #host: Host;
  readonly #port: CoreHost;
  readonly #events: HostEvents;
  readonly #vms = new Map<VmUuid, Vm>();
  readonly #following: Promise<void>;

  constructor(host: Host, events: HostEvents) {
    this.#host = host;
    this.#port = new CoreHost(host);
    this.#events = events;
    this.#following = this.#follow();
  }

  async findUuid(configPath: string): Promise<string | undefined> {
    // What else is wrong with the file is told when it is opened.
    return parseConfig(await readFile(configPath, 'utf8')).config.uuid;
  }

  async openVm(options: OpenVmOptions): Promise<VmService> {
    const { configPath, isStrict, setNotifyTargets } = options;
    const uuid = vmUuid(options.uuid);
    const onWarning = (text: string): void => options.logger.log('warn', text);
    const config =
      configPath === undefined
        ? defaultConfig({ hasFile: false })
        : await readConfigFile(configPath, { isStrict, onWarning });
    const configInForce = ({ notify }: VmConfig): void =>
      setNotifyTargets(notify === undefined ? [] : [notify]);
    configInForce(config);
    const vm = new Vm(
      {
        ...{ uuid, host: this.#port, randomMac, configInForce },
        store: new XenstoreVmStore(this.#host.store),
        events: options.events,
        notifier: options.notifier,
        logger: options.logger,
        rereadConfig: () => rereadQuietly(options),
      },
      config,
    );
    this.#vms.set(uuid, vm);
    return new CoreVmService(vm, options, () => this.#vms.delete(uuid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events[Symbol.asyncDispose]();
    await this.#following;
  }

  /** Events name the domain; which VM that is, and what became of it, is looked up when its turn comes. */
  async #follow(): Promise<void> {
    for await (const event of this.#events) {
      switch (event.kind) {
        case 'shutdown':
        case 'released':
          this.#vms.get(event.uuid)?.noteChange();
          break;
        case 'resync':
          for (const vm of this.#vms.values()) vm.noteChange();
          break;
        default:
          break;
      }
    }
  }
}

/** A restart goes on with the configuration there is when the file has errors; they are logged. */
async function rereadQuietly({
  configPath,
  isStrict,
  logger,
}: OpenVmOptions): Promise<VmConfig | undefined> {
  if (configPath === undefined) return undefined;
  try {
    return await readConfigFile(configPath, { isStrict });
  } catch (error) {
    logger.log(
      'warn',
      'The configuration cannot be read again; the VM is restarted with the old one',
      error,
    );
    return undefined;
  }
}

class CoreVmService implements VmService {
  readonly tasks = TASK_DESCRIPTIONS;
  readonly events: OpenVmOptions['events'];
  readonly #vm: Vm;
  readonly #options: OpenVmOptions;
  readonly #forget: () => void;

  constructor(vm: Vm, options: OpenVmOptions, forget: () => void) {
    this.#vm = vm;
    this.#options = options;
    this.#forget = forget;
    this.events = options.events;
  }

  async startUp(signal: AbortSignal): Promise<void> {
    const vm = this.#vm;
    await vm.run({
      name: 'start-up',
      overtakes: false,
      signal,
      run: async (own) => {
        const operation = { signal: own };
        if (await vm.recover(operation)) return;
        const { startup } = vm.config.current;
        switch (startup.kind) {
          case 'shutdown':
            return;
          case 'restore': {
            const { imagePath, deleteImage } = startup;
            await vm.runPlan(
              planRestore({ imagePath, isPaused: false, isDeleted: deleteImage }),
              operation,
            );
            return;
          }
          case 'started':
          case 'paused':
            await vm.runPlan(planStart({ isPaused: startup.kind === 'paused' }), operation);
        }
      },
    });
  }

  async reloadConfig(): Promise<void> {
    const { configPath, isStrict } = this.#options;
    if (configPath === undefined) return;
    const next = await readConfigFile(configPath, { isStrict });
    await this.#vm.run({
      name: 'read-config',
      overtakes: false,
      run: async () => this.#vm.setConfig(stageConfig(this.#vm.config, next)),
    });
  }

  async runTask(name: string, args: TaskArguments, call: TaskCall): Promise<TaskOutcome> {
    const task = getTask(name);
    return this.#run(task, parseArguments(task, args), call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    await this.#vm[Symbol.asyncDispose]();
  }

  async #run<Name extends TaskName>(
    name: Name,
    args: TaskCalls[Name],
    call: TaskCall,
  ): Promise<TaskOutcome> {
    const handler: TaskHandlers[Name] = TASK_HANDLERS[name];
    const { configPath, isStrict, requestQuit } = this.#options;
    const surroundings: TaskSurroundings = { configPath, isStrict, requestQuit };
    const lane = laneOf(name, args);
    if (lane === 'read') return handler(this.#vm, args, { ...call, ...surroundings });
    return this.#vm.run({
      name,
      overtakes: lane === 'overtake',
      signal: TASKS[name].isCancellable ? call.signal : undefined,
      run: async (signal) => {
        assertAdmitted(name, { state: this.#vm.state, domid: this.#vm.domid ?? -1 });
        return handler(this.#vm, args, { ...surroundings, signal, onProgress: call.onProgress });
      },
    });
  }
}
