/** Where the daemon gets its VMs from: their files, this host, and its events. */
import { readFile } from 'node:fs/promises';
import { randomMac } from '@xenops/core/devices';
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
import { HostChanges } from './host-changes.ts';
import { planRestore, planStart } from './plan.ts';
import { readConfigFile } from './config-file.ts';
import { TASK_HANDLERS, type TaskHandlers, type TaskSurroundings } from './task-handlers.ts';
import { takeTurns, Turns } from './take-turns.ts';
import { Vm, type VmParts } from './vm.ts';
import { XenstoreVmStore } from './xenstore-vm-store.ts';

/** Follows the events of the host; disposing ends that and leaves the host open. `onWorkEnd`: work on any VM has ended. */
export async function openVmProvider(
  host: Host,
  { onWorkEnd }: Pick<VmParts, 'onWorkEnd'> = {},
): Promise<VmProvider> {
  const vms = new Map<VmUuid, Vm>();
  // Events name the domain; what became of it by the time that a busy VM has its turn is looked up then.
  const changes = await HostChanges.open(host, {
    onEnd: (uuid, seen) => vms.get(uuid)?.noteEnd(seen),
    onClock: (uuid, offsetSeconds) => vms.get(uuid)?.noteClock(offsetSeconds),
    onResync: () => {
      for (const vm of vms.values()) vm.noteChange();
    },
    onFailure: (error) => {
      for (const { logger } of vms.values())
        logger.log('error', 'The events of the host broke off; they are asked for again', error);
    },
  });
  return new CoreVmProvider(host, vms, changes, onWorkEnd);
}

class CoreVmProvider implements VmProvider {
  readonly #host: Host;
  readonly #vms: Map<VmUuid, Vm>;
  readonly #changes: HostChanges;
  readonly #turns: Turns;
  readonly #onWorkEnd: VmParts['onWorkEnd'];

  constructor(
    host: Host,
    vms: Map<VmUuid, Vm>,
    changes: HostChanges,
    onWorkEnd: VmParts['onWorkEnd'],
  ) {
    this.#host = host;
    this.#vms = vms;
    this.#changes = changes;
    this.#onWorkEnd = onWorkEnd;
    this.#turns = new Turns(host.services.clock);
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
    // Its own connection: a guest that stalls it stalls no other VM.
    const ownStore = await this.#host.openStore?.();
    const store = takeTurns(ownStore ?? this.#host.store, this.#turns);
    const host = new CoreHost({ ...this.#host, store });
    const vm = new Vm(
      {
        ...{ uuid, host, randomMac, configInForce },
        store: new XenstoreVmStore(store),
        events: options.events,
        notifier: options.notifier,
        logger: options.logger,
        rereadConfig: () => rereadQuietly(options),
        onWorkEnd: this.#onWorkEnd,
      },
      config,
    );
    this.#vms.set(uuid, vm);
    return new CoreVmService(vm, options, async () => {
      this.#vms.delete(uuid);
      await vm[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
      await ownStore?.[Symbol.asyncDispose]();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changes[Symbol.asyncDispose]();
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
  readonly #end: () => Promise<void>;

  constructor(vm: Vm, options: OpenVmOptions, end: () => Promise<void>) {
    this.#vm = vm;
    this.#options = options;
    this.#end = end;
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
    await this.#end();
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
