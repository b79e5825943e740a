/** Disks and network interfaces of a VM: in its configuration, and in its guest when it has one. */
import { diskNumber, parseDiskName } from '@xenops/core/devices';
import { ConfigError } from '@xenops/core/errors';
import { getField, setField, type DiskSpec, type Nic, type VmConfig } from '../config/index.ts';
import { pendingConfig, stageConfig } from '../life/config-slots.ts';
import { stageTimeoutMs } from '../life/deadlines.ts';
import { VmError } from '../life/vm-error.ts';
import { vbdConfig, vifConfig } from './domain-spec.ts';
import type { HostCall } from './vm-host.ts';
import type { Operation, Vm } from './vm.ts';

const ALIVE: readonly string[] = ['created', 'running', 'paused'];

/** Whether there is a guest to change. */
export function isAlive(vm: Vm): boolean {
  return ALIVE.includes(vm.state);
}

function hostCall(vm: Vm, stage: 'devices' | 'unplug', { signal }: Operation): HostCall {
  return { signal, timeoutMs: stageTimeoutMs(stage, vm.config.current) };
}

/** Adds a line of the configuration for the next boot, and to the running guest when wanted. */
export async function addDevice(
  vm: Vm,
  {
    key,
    line,
    isNow,
  }: { readonly key: 'disk' | 'nic' | 'pci'; readonly line: string; readonly isNow: boolean },
  operation: Operation,
): Promise<void> {
  const next = withLine(pendingConfig(vm.config), key, line);
  if (!isNow || !isAlive(vm)) {
    vm.setConfig(stageConfig(vm.config, next));
    return;
  }
  const current = withLine(vm.config.current, key, line);
  const call = hostCall(vm, 'devices', operation);
  const spec = vm.spec(current);
  if (key === 'disk') {
    const disk = spec.domain.disks.at(-1);
    if (disk !== undefined) await vm.host.attachDisk(vm.getDomid(), spec, disk, call);
  } else if (key === 'nic') {
    const known = new Set(vm.nics.map(({ devid }) => devid));
    const nic = spec.domain.nics.find(({ devid }) => !known.has(devid));
    if (nic !== undefined) await vm.host.attachNic(vm.getDomid(), nic, call);
  } else {
    throw new VmError('VM_NOT_SUPPORTED', {
      message: 'PCI devices cannot be given to a running guest; they can at its next boot',
    });
  }
  vm.setCurrent(current, next);
}

function withLine(config: VmConfig, key: string, line: string): VmConfig {
  const before = getField(config, key);
  return setField(config, key, before === '' ? line : `${before}\n${line}`);
}

/** Takes a disk from the running guest, and from the configuration. */
export async function removeDisk(
  vm: Vm,
  { vdev, isForced }: { readonly vdev: string; readonly isForced: boolean },
  operation: Operation,
): Promise<void> {
  const name = vdev.replace(/^\/dev\//, '');
  const { current } = vm.config;
  const next = pendingConfig(vm.config);
  const has = (config: VmConfig): boolean => config.disks.some((disk) => disk.vdev === name);
  if (!has(current) && !has(next)) throw noDevice(`disk ${name}`);
  const without = (config: VmConfig): VmConfig => ({
    ...config,
    disks: config.disks.filter((disk) => disk.vdev !== name),
  });
  if (!isAlive(vm)) {
    vm.setConfig(stageConfig(vm.config, without(next)));
    return;
  }
  if (has(current)) {
    const devid = diskNumber(parseDiskName(name));
    await vm.host.detachDevice(
      vm.getDomid(),
      { kind: 'vbd', devid, isForced },
      hostCall(vm, 'unplug', operation),
    );
  }
  vm.setCurrent(without(current), without(next));
}

/** Takes a network interface from the running guest, and from the configuration. */
export async function removeNic(
  vm: Vm,
  { devid, isForced }: { readonly devid: number; readonly isForced: boolean },
  operation: Operation,
): Promise<void> {
  getNic(vm, devid);
  if (isAlive(vm)) {
    await vm.host.detachDevice(
      vm.getDomid(),
      { kind: 'vif', devid, isForced },
      hostCall(vm, 'unplug', operation),
    );
  }
  changeNics(vm, (nics) => nics.filter((nic) => nic.devid !== devid));
}

/** Has an interface of the guest on another network, or served by another domain: it is unplugged and plugged in anew. */
export async function replaceNic(
  vm: Vm,
  devid: number,
  change: Partial<Nic>,
  operation: Operation,
): Promise<void> {
  const before = getNic(vm, devid);
  const after = { ...before, ...change };
  const isHvm = vm.spec().domain.build.kind === 'hvm';
  const [oldVif, newVif] = [vifConfig(before, isHvm), vifConfig(after, isHvm)];
  if (isAlive(vm)) {
    const domid = vm.getDomid();
    const call = hostCall(vm, 'devices', operation);
    await vm.host.detachDevice(domid, { kind: 'vif', devid, isForced: true }, call);
    try {
      await vm.host.attachNic(domid, newVif, call);
    } catch (error) {
      // As it was, should the new network not take it.
      await vm.host.attachNic(domid, oldVif, { ...call, signal: new AbortController().signal });
      throw error;
    }
  }
  changeNics(vm, (nics) => nics.map((nic) => (nic.devid === devid ? after : nic)));
}

/** Interfaces keep the numbers and addresses they have now. */
function changeNics(vm: Vm, change: (nics: readonly Nic[]) => readonly Nic[]): void {
  const nics = change(vm.nics).map((nic) => ({
    ...nic,
    mac: { kind: 'given', mac: nic.mac } as const,
  }));
  const current = { ...vm.config.current, nics };
  const next = { ...pendingConfig(vm.config), nics };
  if (isAlive(vm)) vm.setCurrent(current, next);
  else vm.setConfig(stageConfig(vm.config, next));
}

/** Puts a medium into a CD drive; an empty path takes it out. The configuration stays. */
export async function changeMedium(
  vm: Vm,
  {
    vdev,
    target,
    type,
  }: { readonly vdev: string; readonly target: string; readonly type: DiskSpec['type'] },
  operation: Operation,
): Promise<void> {
  const name = vdev.replace(/^\/dev\//, '');
  const drive = vm.config.current.disks.find((disk) => disk.vdev === name);
  if (drive?.isCdrom !== true) throw noDevice(`CD drive ${name}`);
  if (target !== '' && !target.startsWith('/')) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The medium ${JSON.stringify(target.slice(0, 64))} must be an absolute path`,
    });
  }
  const medium = vbdConfig({ ...drive, target, type });
  await vm.host.changeMedium(vm.getDomid(), vm.spec(), medium, hostCall(vm, 'devices', operation));
}

function getNic(vm: Vm, devid: number): Nic {
  const nic = vm.nics.find((known) => known.devid === devid);
  if (nic === undefined) throw noDevice(`network interface ${devid}`);
  return nic;
}

function noDevice(what: string): VmError {
  return new VmError('VM_NO_DEVICE', {
    message: `The VM has no ${what}`,
    context: { device: what },
  });
}
