/** The task `device`: one door to disks, interfaces and PCI devices, in the words of the old monitor. */
import type { TaskOutcome } from '../rpc/vm-port.ts';
import type { TaskCalls } from '../tasks/task-calls.ts';
import { VmError } from '../life/vm-error.ts';
import { PCI, renderPciAddress } from '../config/index.ts';
import { addDevice, removeDisk, removePci } from './device-tasks.ts';
import { removeNic } from './nic-tasks.ts';
import { deviceLines, isSamePci } from './vm-lists.ts';
import type { Operation, Vm } from './vm.ts';

const KINDS: Readonly<Record<string, 'disk' | 'nic' | 'pci'>> = {
  disk: 'disk',
  vbd: 'disk',
  nic: 'nic',
  vif: 'nic',
  pci: 'pci',
};

/** Lists, adds or removes; a removal names the device as the lists do. */
export async function runDeviceCommand(
  vm: Vm,
  { type, cmd, extra }: TaskCalls['device'],
  operation: Operation,
): Promise<TaskOutcome> {
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (kind === undefined) throw badDevice(`device type unknown: ${type.slice(0, 64)}`);
  const [what = ''] = extra;
  switch (cmd) {
    case 'list':
      return {
        text: deviceLines(kind, { ...vm.config.current, disks: vm.configs.disks }, vm.nics),
      };
    case 'add':
      await addDevice(vm, { key: kind, line: what, isNow: true }, operation);
      return {};
    case 'del':
    case 'rm':
      await remove(vm, { kind, type, cmd, what }, operation);
      return {};
    default:
      throw badDevice(`device subcommand unknown: ${cmd.slice(0, 64)}`);
  }
}

async function remove(
  vm: Vm,
  {
    kind,
    type,
    cmd,
    what,
  }: {
    readonly kind: 'disk' | 'nic' | 'pci';
    readonly type: string;
    readonly cmd: string;
    readonly what: string;
  },
  operation: Operation,
): Promise<void> {
  const isForced = false;
  if (kind === 'disk') await removeDisk(vm, { vdev: what, isForced }, operation);
  else if (kind === 'nic' && /^\d{1,2}$/.test(what))
    await removeNic(vm, { devid: Number(what), isForced }, operation);
  else if (kind === 'pci' && isPciAddress(what)) {
    const { address } = PCI.parse(`0,${what}`);
    await removePci(
      vm,
      { isSame: (device) => isSamePci(device.address, address), isForced },
      operation,
    );
  } else {
    throw badDevice(
      `${type} ${cmd}: ${JSON.stringify(what.slice(0, 64))} is no device that can be removed here`,
    );
  }
}

function isPciAddress(text: string): boolean {
  try {
    return renderPciAddress(PCI.parse(`0,${text}`).address) !== '';
  } catch {
    return false;
  }
}

function badDevice(message: string): VmError {
  return new VmError('TASK_ARGUMENT_INVALID', { message, context: { task: 'device' } });
}
