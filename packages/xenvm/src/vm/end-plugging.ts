/** The end of a device's coming or going that a predecessor has not come to. */
import { stageTimeoutMs } from '../life/deadlines.ts';
import { VmError } from '../life/vm-error.ts';
import { dropDisk } from './device-tasks.ts';
import { dropNic } from './nic-tasks.ts';
import type { Plugging } from './plugging.ts';
import type { Vm } from './vm.ts';

/**
 * A device that was coming is taken away, since nobody was told that it came; one that was leaving leaves. A guest that does not let go of it
 * keeps it.
 */
export async function endPlugging(vm: Vm, plugging: Plugging): Promise<void> {
  const { change, kind, devid, vdev } = plugging;
  const isForced = change === 'add' || plugging.isForced === true;
  try {
    await detach(vm, { kind, devid, isForced }, vdev);
    if (change === 'add') return;
    if (vdev === undefined) await dropNic(vm, devid);
    else await dropDisk(vm, vdev);
  } catch (error) {
    vm.logger.log('error', `Cannot finish to ${change} the ${kind} ${devid}`, error);
  }
}

async function detach(
  vm: Vm,
  device: Parameters<Vm['host']['detachDevice']>[1],
  vdev: string | undefined,
): Promise<void> {
  const timeoutMs = stageTimeoutMs('unplug', vm.config.current);
  const call = { signal: new AbortController().signal, timeoutMs };
  try {
    await vm.host.detachDevice(vm.getDomid(), device, call);
  } catch (error) {
    if (!(error instanceof VmError && error.code === 'VM_NO_DEVICE')) throw error;
  }
  if (vdev !== undefined) await vm.host.releaseDisks(vm.uuid, { isKept: false, vdev }, call);
}
