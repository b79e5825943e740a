/** What each task of the table does. One function a task; the compiler sees that none is missing. */
import { readFile } from 'node:fs/promises';
import { ConfigError } from '@xenops/core/errors';
import { TRIGGERS } from '@xenops/core/hypervisor';
import { kibFromMib } from '@xenops/core/units';
import {
  configToJson,
  getField,
  parseConfig,
  refusing,
  renderProblem,
  setField,
  type VmConfig,
} from '../config/index.ts';
import { changedKeys, pendingConfig, stageConfig } from '../life/config-slots.ts';
import { publishedState } from '../life/states.ts';
import { VmError } from '../life/vm-error.ts';
import type { JsonObject } from '../rpc/json-text-codec.ts';
import type { TaskOutcome } from '../rpc/vm-port.ts';
import { helpText } from '../tasks/arguments.ts';
import type { TaskCalls } from '../tasks/task-calls.ts';
import {
  addDevice,
  changeMedium,
  isAlive,
  removeDisk,
  removeNic,
  replaceNic,
} from './device-tasks.ts';
import { planDestroy, planHalt, planReboot, planRestore, planSave, planStart } from './plan.ts';
import { deviceLines, diskLines, isSamePci, nicTable, pciTable } from './vm-lists.ts';
import type { Operation, Vm } from './vm.ts';

/** What tasks need besides the VM. */
export interface TaskSurroundings {
  readonly configPath: string | undefined;
  readonly isStrict: boolean;
  readonly requestQuit: () => void;
}

type Handler<Args> = (
  vm: Vm,
  args: Args,
  context: Operation & TaskSurroundings,
) => Promise<TaskOutcome>;
export type TaskHandlers = { readonly [Name in keyof TaskCalls]: Handler<TaskCalls[Name]> };

const OK: TaskOutcome = {};

/** ACPI sleep states as `get-acpi-state` tells them. */
const ACPI_OFF = 5;

export const TASK_HANDLERS: TaskHandlers = {
  async quit(_vm, _args, { requestQuit }) {
    requestQuit();
    return OK;
  },
  async destroy(vm, _args, context) {
    await vm.command(planDestroy(), context);
    return OK;
  },
  async halt(vm, { forced }, context) {
    const isAsked = !forced && isAlive(vm);
    await vm.command(isAsked ? planHalt({ isPaused: isStopped(vm) }) : planDestroy(), context);
    return OK;
  },
  async reboot(vm, { forced, 'auto-start': isStarted }, context) {
    await vm.command(planReboot({ isForced: forced, isStarted, isPaused: isStopped(vm) }), context);
    return OK;
  },
  async start(vm, { paused }, context) {
    await vm.command(planStart({ isPaused: paused }), context);
    return OK;
  },
  async pause(vm) {
    await vm.host.pause(vm.getDomid());
    await vm.changed('pause');
    return OK;
  },
  async unpause(vm) {
    await vm.host.unpause(vm.getDomid());
    await vm.changed('run');
    return OK;
  },
  async suspend(vm, { live, file }, context) {
    assertPath(file);
    await vm.command(
      planSave({ imagePath: file, isLive: live, isKept: false, isPaused: isStopped(vm) }),
      context,
    );
    return OK;
  },
  async checkpoint(vm, { file }, context) {
    assertPath(file);
    await vm.command(
      planSave({ imagePath: file, isLive: false, isKept: true, isPaused: isStopped(vm) }),
      context,
    );
    return OK;
  },
  async restore(vm, { file, paused, delete: isDeleted }, context) {
    assertPath(file);
    await vm.command(planRestore({ imagePath: file, isPaused: paused, isDeleted }), context);
    return OK;
  },
  s3suspend: async () => cannot('send a guest to sleep'),
  s4suspend: async () => cannot('have a guest hibernate'),
  'get-domid': async (vm) => ({ text: String(vm.domid ?? -1) }),
  'get-stubdomid': async () => ({ text: '-1' }),
  'get-status': async (vm) => ({ text: publishedState(vm.state) }),
  async 'get-acpi-state'(vm) {
    const { domid } = vm;
    const state =
      domid === undefined ? ACPI_OFF : await vm.host.acpiState(domid).catch(() => ACPI_OFF);
    return { text: String(state) };
  },
  async 'get-vnc'(vm) {
    const { domid } = vm;
    const port = domid === undefined ? undefined : await vm.host.vncPort(domid);
    return { text: port === undefined ? '' : String(port) };
  },
  async 'get-info'(vm) {
    const data = await infoOf(vm);
    return { text: JSON.stringify(data), data };
  },
  async 'get-config'(vm, { which }) {
    if (which !== 'current' && which !== 'next') {
      throw new VmError('TASK_ARGUMENT_INVALID', {
        message: 'The argument which of the task get-config must be current or next',
        context: { task: 'get-config', argument: 'which' },
      });
    }
    const config = which === 'current' ? vm.config.current : pendingConfig(vm.config);
    const data = configToJson(config, { withSecrets: false });
    return { text: JSON.stringify(data), data };
  },
  async trigger(vm, { params }) {
    const [word = ''] = params;
    const trigger = TRIGGERS.find((known) => known === word);
    if (trigger === undefined) {
      throw new VmError('TASK_ARGUMENT_INVALID', {
        message: `unknown trigger: ${params.join(' ').slice(0, 64)}`,
        context: { task: 'trigger', argument: 'params' },
      });
    }
    if (trigger === 's3resume') assertCanWake(vm);
    await vm.host.sendTrigger(vm.getDomid(), trigger);
    return OK;
  },
  device: (vm, args, context) => device(vm, args, context),
  get: async (vm, { field }) => ({ text: getField(pendingConfig(vm.config), field) }),
  async set(vm, { field, value }) {
    vm.setConfig(stageConfig(vm.config, setField(pendingConfig(vm.config), field, value)));
    return OK;
  },
  async 'disk-add'(vm, { path, device: vdev, type, mode, devtype, now }, context) {
    const line = [path, type, vdev, mode, devtype, ''].join(':');
    await addDevice(vm, { key: 'disk', line, isNow: now }, context);
    return OK;
  },
  async 'disk-del'(vm, { device: vdev, forced }, context) {
    await removeDisk(vm, { vdev, isForced: forced }, context);
    return OK;
  },
  'disk-list': async (vm) => ({ text: diskLines(pendingConfig(vm.config)) }),
  async 'nic-add'(vm, { bridge = '', mac, model, now }, context) {
    // The old argument holds the path of a network as often as a bridge.
    const words = [
      bridge === '' ? '' : `${bridge.includes('/') ? 'network' : 'bridge'}=${bridge}`,
      mac === undefined ? '' : `mac=${mac}`,
      model === undefined ? '' : `model=${model}`,
    ];
    const line = words.filter((word) => word !== '').join(',');
    await addDevice(vm, { key: 'nic', line: line === '' ? 'mac=vm' : line, isNow: now }, context);
    return OK;
  },
  async 'nic-del'(vm, { id, forced }, context) {
    await removeNic(vm, { devid: id, isForced: forced }, context);
    return OK;
  },
  'nic-list': async (vm) => ({ text: nicTable(vm.nics) }),
  async 'pci-add'(vm, args, context) {
    const { id, domain, bus, slot, func, bind, msitranslate, power_mgmt: power } = args;
    const hex = [domain, bus, slot].map((part) => part.toString(16)).join(':');
    const options = [
      ...(msitranslate === undefined ? [] : [`msitranslate=${Number(msitranslate)}`]),
      ...(power === undefined ? [] : [`power_mgmt=${Number(power)}`]),
    ];
    const line = [String(id), ...(bind ? ['bind'] : []), `${hex}.${func}`, ...options].join(',');
    await addDevice(vm, { key: 'pci', line, isNow: false }, context);
    return OK;
  },
  async 'pci-del'(vm, { domain, bus, slot, func }) {
    const next = pendingConfig(vm.config);
    const pci = next.pci.filter(
      ({ address }) => !isSamePci(address, { segment: domain, bus, slot, func }),
    );
    if (pci.length === next.pci.length) {
      throw new VmError('VM_NO_DEVICE', { message: 'The VM has no such PCI device' });
    }
    vm.setConfig(stageConfig(vm.config, { ...next, pci }));
    return OK;
  },
  'pci-list': async (vm) => ({ text: pciTable(vm.config.current) }),
  async 'cd-eject'(vm, { virtpath }, context) {
    await changeMedium(vm, { vdev: virtpath, target: '', type: 'file' }, context);
    return OK;
  },
  async 'cd-insert-file'(vm, { virtpath, physpath }, context) {
    await changeMedium(vm, { vdev: virtpath, target: physpath, type: 'file' }, context);
    return OK;
  },
  async 'cd-insert-real'(vm, { virtpath, physpath }, context) {
    await changeMedium(vm, { vdev: virtpath, target: physpath, type: 'phy' }, context);
    return OK;
  },
  async 'nic-network-switch'(vm, { id, network }, context) {
    await replaceNic(
      vm,
      id,
      network.includes('/') ? { network } : { network: '', bridge: network },
      context,
    );
    return OK;
  },
  async 'set-nic-backend-dom'(vm, { id, domid }, context) {
    const { backendDomid } = parseConfig(`nic=backend-domid=${domid}`).config.nics[0] ?? {};
    if (backendDomid !== undefined) await replaceNic(vm, id, { backendDomid }, context);
    return OK;
  },
  async 'set-mem-target'(vm, { mb }) {
    await vm.host.setMemoryTarget(vm.getDomid(), kibFromMib(mb));
    return OK;
  },
  async 'set-vcpus'(vm, { count }) {
    await vm.host.setOnlineVcpus(vm.getDomid(), count);
    return OK;
  },
  async 'read-config'(vm, { path }, { configPath, isStrict }) {
    const onWarning = (text: string): void => vm.logger.log('warn', text);
    const file = path ?? configPath;
    if (file === undefined) {
      throw new VmError('TASK_ARGUMENT_MISSING', {
        message: 'The monitor was started without a configuration: read-config needs a path',
        context: { task: 'read-config', argument: 'path' },
      });
    }
    vm.setConfig(stageConfig(vm.config, await readConfigFile(file, { isStrict, onWarning })));
    return OK;
  },
  help: async () => ({ text: helpText() }),
};

export interface ReadConfigOptions {
  readonly isStrict: boolean;
  /** Takes each problem that does not refuse the file. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Reads a file. Rejects with CONFIG_BAD_VALUE, which names every problem, when it cannot be taken. */
export async function readConfigFile(
  path: string,
  { isStrict, onWarning = () => undefined }: ReadConfigOptions,
): Promise<VmConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The configuration ${path} cannot be read`,
      context: { path },
      cause,
    });
  });
  const { config, problems } = parseConfig(text);
  const fatal = refusing(problems, isStrict ? 'strict' : 'normal');
  const tell = fatal.length === 0 ? problems : fatal;
  const told = tell.map((problem) => renderProblem(problem, path));
  if (fatal.length > 0) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: told.join('\n'),
      context: { path, problems: fatal.length },
    });
  }
  told.forEach(onWarning);
  return config;
}

/** The guest is there and does not run. */
const isStopped = (vm: Vm): boolean => vm.state === 'paused' || vm.state === 'created';

async function device(
  vm: Vm,
  { type, cmd, extra }: TaskCalls['device'],
  operation: Operation,
): Promise<TaskOutcome> {
  const kinds = { disk: 'disk', vbd: 'disk', nic: 'nic', vif: 'nic', pci: 'pci' } as const;
  const kind = Object.entries(kinds).find(([name]) => name === type)?.[1];
  if (kind === undefined) throw badDevice(`device type unknown: ${type.slice(0, 64)}`);
  const [what = ''] = extra;
  switch (cmd) {
    case 'list':
      return { text: deviceLines(kind, vm.config.current, vm.nics) };
    case 'add':
      await addDevice(vm, { key: kind, line: what, isNow: kind !== 'pci' }, operation);
      return OK;
    case 'del':
    case 'rm':
      if (kind === 'disk') await removeDisk(vm, { vdev: what, isForced: false }, operation);
      else if (kind === 'nic' && /^\d{1,2}$/.test(what))
        await removeNic(vm, { devid: Number(what), isForced: false }, operation);
      else
        throw badDevice(
          `${type} ${cmd}: ${JSON.stringify(what.slice(0, 64))} is no device that can be removed here`,
        );
      return OK;
    default:
      throw badDevice(`device subcommand unknown: ${cmd.slice(0, 64)}`);
  }
}

function badDevice(message: string): VmError {
  return new VmError('TASK_ARGUMENT_INVALID', { message, context: { task: 'device' } });
}

function assertCanWake(vm: Vm): void {
  const why =
    vm.state !== 'running'
      ? 'cannot do s3resume on a non-running guest'
      : vm.spec().domain.build.kind !== 'hvm'
        ? 'cannot do s3resume on a non-hvm guest'
        : undefined;
  if (why !== undefined) throw new VmError('VM_NOT_SUPPORTED', { message: why });
}

function assertPath(file: string): void {
  if (file.startsWith('/')) return;
  throw new VmError('TASK_ARGUMENT_INVALID', {
    message:
      'The image must be an absolute path: the monitor does not know the folder of its caller',
    context: { argument: 'file' },
  });
}

function cannot(what: string): never {
  throw new VmError('VM_NOT_SUPPORTED', {
    message: `This monitor cannot ${what}`,
    context: { what },
  });
}

async function infoOf(vm: Vm): Promise<JsonObject> {
  const found = vm.domid === undefined ? undefined : await vm.host.findDomain(vm.uuid, vm.domid);
  const { current } = vm.config;
  return {
    uuid: vm.uuid,
    name: current.name ?? null,
    state: publishedState(vm.state),
    detail: vm.detail ?? null,
    domid: vm.domid ?? null,
    startedAtMs: vm.startedAtMs ?? null,
    memoryKib: found?.memoryKib ?? null,
    onlineVcpus: found?.onlineVcpus ?? null,
    operations: [...vm.queue.names],
    changedKeys: [...changedKeys(vm.config)],
    disks: current.disks.map(({ vdev, target, type, readOnly, isCdrom }) => ({
      vdev,
      target,
      type,
      readOnly,
      isCdrom,
    })),
    nics: vm.nics.map(({ devid, mac, bridge, network }) => ({ devid, mac, bridge, network })),
  };
}
