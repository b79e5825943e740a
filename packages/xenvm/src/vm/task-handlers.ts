/** What each task of the table does. One function a task; the compiler sees that none is missing. */
import { TRIGGERS } from '@xenops/core/hypervisor';
import { domid as domidOf } from '@xenops/core/ids';
import { kibFromMib } from '@xenops/core/units';
import { configToJson, getField, setField } from '../config/index.ts';
import { pendingConfig, stageConfig } from '../life/config-slots.ts';
import { publishedState } from '../life/states.ts';
import { VmError } from '../life/vm-error.ts';
import type { TaskOutcome } from '../rpc/vm-port.ts';
import { helpText } from '../tasks/arguments.ts';
import type { TaskCalls } from '../tasks/task-calls.ts';
import { readConfigFile } from './config-file.ts';
import { runDeviceCommand } from './device-command.ts';
import { addDevice, changeMedium, isAlive, removeDisk, removePci } from './device-tasks.ts';
import { changeBackend, removeNic, switchNetwork } from './nic-tasks.ts';
import {
  planDestroy,
  planHalt,
  planHibernate,
  planReboot,
  planRestore,
  planSave,
  planSleep,
  planStart,
} from './plan.ts';
import { POWER } from './vm-facts.ts';
import { infoOf } from './vm-info.ts';
import { diskLines, isSamePci, nicTable, pciTable } from './vm-lists.ts';
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
    assertSavable(vm);
    await vm.command(
      planSave({ imagePath: file, isLive: live, isKept: false, isPaused: isStopped(vm) }),
      context,
    );
    return OK;
  },
  async checkpoint(vm, { file, live }, context) {
    assertPath(file);
    assertSavable(vm);
    await vm.command(
      planSave({ imagePath: file, isLive: live, isKept: true, isPaused: isStopped(vm) }),
      context,
    );
    return OK;
  },
  async restore(vm, { file, paused, delete: isDeleted }, context) {
    assertPath(file);
    await vm.command(planRestore({ imagePath: file, isPaused: paused, isDeleted }), context);
    return OK;
  },
  async s3suspend(vm, { timeout }, context) {
    assertHasPower(vm);
    await vm.runPlan(planSleep({ timeoutMs: timeout * 1000 }), context);
    return OK;
  },
  async s4suspend(vm, { timeout }, context) {
    assertHasPower(vm);
    await vm.command(planHibernate({ timeoutMs: timeout * 1000 }), context);
    return OK;
  },
  'get-domid': async (vm) => ({ text: String(vm.domid ?? -1) }),
  async 'get-stubdomid'(vm) {
    const stub = vm.domid === undefined ? undefined : await vm.host.stubDomid(vm.domid);
    return { text: String(stub ?? -1) };
  },
  'get-status': async (vm) => ({ text: publishedState(vm.state) }),
  async 'get-acpi-state'(vm) {
    const { domid, facts } = vm;
    if (domid === undefined)
      return { text: String(facts.powerState === POWER.hibernated ? POWER.hibernated : POWER.off) };
    const state = await vm.host.acpiState(domid).catch(() => POWER.off);
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
    if (trigger !== 's3resume') {
      await vm.host.sendTrigger(vm.getDomid(), trigger);
      return OK;
    }
    assertCanWake(vm);
    await vm.host.wake(vm.getDomid());
    vm.facts.setPower(POWER.awake);
    return OK;
  },
  device: runDeviceCommand,
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
    const { id, domain, bus, slot, func, bind, now: isNow, msitranslate, power_mgmt: power } = args;
    const hex = [domain, bus, slot].map((part) => part.toString(16)).join(':');
    const options = [
      ...(msitranslate === undefined ? [] : [`msitranslate=${Number(msitranslate)}`]),
      ...(power === undefined ? [] : [`power_mgmt=${Number(power)}`]),
    ];
    const line = [String(id), ...(bind ? ['bind'] : []), `${hex}.${func}`, ...options].join(',');
    await addDevice(vm, { key: 'pci', line, isNow }, context);
    return OK;
  },
  async 'pci-del'(vm, { domain: segment, bus, slot, func, forced: isForced }, context) {
    const wanted = { segment, bus, slot, func };
    const isSame = ({ address }: { readonly address: typeof wanted }): boolean =>
      isSamePci(address, wanted);
    await removePci(vm, { isSame, isForced }, context);
    return OK;
  },
  'pci-list': async (vm) => ({ text: pciTable(vm.config.current) }),
  async 'cd-eject'(vm, { virtpath: vdev, forced: isForced }, context) {
    await changeMedium(vm, { vdev, target: '', type: 'file', isForced }, context);
    return OK;
  },
  async 'cd-insert-file'(vm, { virtpath: vdev, physpath: target, forced: isForced }, context) {
    await changeMedium(vm, { vdev, target, type: 'file', isForced }, context);
    return OK;
  },
  async 'cd-insert-real'(vm, { virtpath: vdev, physpath: target, forced: isForced }, context) {
    await changeMedium(vm, { vdev, target, type: 'phy', isForced }, context);
    return OK;
  },
  async 'nic-network-switch'(vm, { id, network }, context) {
    await switchNetwork(vm, id, network, context);
    return OK;
  },
  async 'set-nic-backend-dom'(vm, { id, domid }, context) {
    await changeBackend(vm, id, domidOf(domid), context);
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

/** The guest is there and does not run. */
const isStopped = (vm: Vm): boolean => vm.state === 'paused' || vm.state === 'created';

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

/** Sleep and hibernation are ACPI's, which only a guest with firmware has. */
function assertHasPower(vm: Vm): void {
  if (vm.spec().domain.build.kind === 'hvm') return;
  throw new VmError('VM_NOT_SUPPORTED', {
    message: 'Only an HVM guest can sleep or hibernate',
    context: { what: 'ACPI power states' },
  });
}

function assertSavable(vm: Vm): void {
  if (!vm.config.current.disableMigrate) return;
  throw new VmError('VM_NOT_SUPPORTED', {
    message: 'The configuration forbids to save this VM (disable-migrate)',
    context: { what: 'images', key: 'disable-migrate' },
  });
}
