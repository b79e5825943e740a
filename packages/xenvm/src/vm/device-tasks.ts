/** Devices of a VM that come and go: in its configuration, and in its guest when it has one. */
import { diskNumber, parseDiskName } from '@xenops/core/devices';
import { hasCode } from '@xenops/core/errors';
import { getField, setField, type DiskSpec, type VmConfig } from '../config/index.ts';
import { pendingConfig, stageConfig } from '../life/config-slots.ts';
import { stageTimeoutMs } from '../life/deadlines.ts';
import { VmError } from '../life/vm-error.ts';
import { vbdConfig } from './domain-spec.ts';
import { withNote } from './plugging.ts';
import type { HostCall } from './vm-host.ts';
import type { Operation, Vm } from './vm.ts';

const ALIVE: readonly string[] = ['created', 'running', 'paused'];

/** Whether there is a guest to change. */
export function isAlive(vm: Vm): boolean {
  return ALIVE.includes(vm.state);
}

/** What a verb of the host is called with. */
export function hostCall(
  vm: Vm,
  stage: 'devices' | 'unplug',
  { signal }: Pick<Operation, 'signal'>,
): HostCall {
  return { signal, timeoutMs: stageTimeoutMs(stage, vm.config.current) };
}

export interface NewDevice {
  readonly key: 'disk' | 'nic' | 'pci';
  /** As in the configuration. */
  readonly line: string;
  /** Give it to the running guest too. */
  readonly isNow: boolean;
}

/** Adds a line of the configuration for the next boot, and to the running guest when wanted. */
export async function addDevice(
  vm: Vm,
  { key, line, isNow }: NewDevice,
  operation: Operation,
): Promise<void> {
  const next = withLine(pendingConfig(vm.config), key, line);
  if (!isNow || !isAlive(vm)) {
    vm.setConfig(stageConfig(vm.config, next));
    return;
  }
  const wanted = withLine(vm.config.current, key, line);
  const call = hostCall(vm, 'devices', operation);
  // What changed meanwhile, such as the clock, stays changed.
  const keep = (): void => vm.changeConfigs((config) => withLine(config, key, line));
  switch (key) {
    case 'disk':
      await plugDisk(vm, wanted, call, keep);
      return;
    case 'nic':
      await plugNic(vm, wanted, call, keep);
      return;
    case 'pci':
      if (!vm.spec().canHavePci) {
        throw new VmError('VM_NOT_SUPPORTED', {
          message:
            'The guest was started without room for PCI devices; it can have one at its next boot, or set passthrough for it',
          context: { what: 'PCI devices', key: 'passthrough' },
        });
      }
      await vm.host.attachPci(vm.getDomid(), vm.spec(wanted).pci.slice(-1), call);
      keep();
      await vm.save();
  }
}

async function plugNic(vm: Vm, wanted: VmConfig, call: HostCall, keep: () => void): Promise<void> {
  const known = new Set(vm.nics.map(({ devid }) => devid));
  const nic = vm.spec(wanted).domain.nics.find(({ devid }) => !known.has(devid));
  if (nic === undefined) return;
  await withNote(vm, { change: 'add', kind: 'vif', devid: nic.devid }, async () => {
    await vm.host.attachNic(vm.getDomid(), nic, call);
    keep();
  });
}

async function plugDisk(vm: Vm, wanted: VmConfig, call: HostCall, keep: () => void): Promise<void> {
  const disk = wanted.disks.at(-1);
  if (disk === undefined) return;
  const { vdev } = disk;
  const devid = diskNumber(parseDiskName(vdev));
  await withNote(vm, { change: 'add', kind: 'vbd', devid, vdev }, async () => {
    await attachDisk(vm, { disk, wanted }, call);
    keep();
  });
}

async function attachDisk(
  vm: Vm,
  { disk, wanted }: { readonly disk: DiskSpec; readonly wanted: VmConfig },
  call: HostCall,
): Promise<void> {
  const { host, uuid } = vm;
  const [ready = disk] = await host.prepareDisks(uuid, [disk], { isRestored: false }, call);
  try {
    const disks = [...wanted.disks.slice(0, -1), ready];
    const spec = vm.spec({ ...wanted, disks });
    await host.attachDisk(vm.getDomid(), spec, vbdConfig(ready), call);
  } catch (error) {
    await host.releaseDisks(
      uuid,
      { isKept: false, vdev: disk.vdev },
      { ...call, signal: new AbortController().signal },
    );
    throw error;
  }
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
  const name = diskName(vdev);
  const has = (config: VmConfig): boolean => config.disks.some((disk) => disk.vdev === name);
  const { current } = vm.config;
  if (!has(current) && !has(pendingConfig(vm.config))) throw noDevice(`disk ${name}`);
  if (!isAlive(vm)) {
    vm.setConfig(stageConfig(vm.config, withoutDisk(pendingConfig(vm.config), name)));
    return;
  }
  if (!has(current)) {
    await dropDisk(vm, name);
    return;
  }
  const devid = diskNumber(parseDiskName(name));
  const note = { change: 'remove', kind: 'vbd', devid, vdev: name, isForced } as const;
  await withNote(vm, note, async () => {
    await unplugDisk(vm, name, { isForced }, operation);
    await dropDisk(vm, name);
  });
}

/** The guest has it no more. */
export async function dropDisk(vm: Vm, vdev: string): Promise<void> {
  vm.changeConfigs((config) => withoutDisk(config, vdev));
  await vm.save();
}

function withoutDisk(config: VmConfig, vdev: string): VmConfig {
  return { ...config, disks: config.disks.filter((disk) => disk.vdev !== vdev) };
}

async function unplugDisk(
  vm: Vm,
  vdev: string,
  { isForced }: { readonly isForced: boolean },
  operation: Operation,
): Promise<void> {
  const call = hostCall(vm, 'unplug', operation);
  const devid = diskNumber(parseDiskName(vdev));
  try {
    await vm.host.detachDevice(vm.getDomid(), { kind: 'vbd', devid, isForced }, call);
  } catch (error) {
    const drive = vm.configs.disks.find((disk) => disk.vdev === vdev);
    // A drive without a medium may have no device.
    const isEmpty = drive?.isCdrom === true && drive.target === '';
    if (!(isEmpty && error instanceof VmError && error.code === 'VM_NO_DEVICE')) throw error;
  }
  await vm.host.releaseDisks(vm.uuid, { isKept: false, vdev }, call);
}

/** Takes a PCI device from the running guest, and from the configuration. */
export async function removePci(
  vm: Vm,
  {
    isSame,
    isForced,
  }: {
    readonly isSame: (device: VmConfig['pci'][number]) => boolean;
    readonly isForced: boolean;
  },
  operation: Operation,
): Promise<void> {
  const found = [...vm.config.current.pci, ...pendingConfig(vm.config).pci].find(isSame);
  if (found === undefined) throw noDevice('such PCI device');
  const without = (config: VmConfig): VmConfig => ({
    ...config,
    pci: config.pci.filter((device) => !isSame(device)),
  });
  if (!isAlive(vm)) {
    vm.setConfig(stageConfig(vm.config, without(pendingConfig(vm.config))));
    return;
  }
  if (vm.config.current.pci.some(isSame)) {
    const { address } = found;
    const call = hostCall(vm, 'unplug', operation);
    try {
      await vm.host.detachPci(vm.getDomid(), { address, isForced }, call);
    } catch (error) {
      if (!(isForced && hasCode(error, 'DEVICE_NOT_FOUND'))) throw error;
    }
  }
  vm.changeConfigs(without);
  await vm.save();
}

/** Another medium for a CD drive; an empty path takes it out. It stays while the guest does; the configuration stays as it is. */
export async function changeMedium(
  vm: Vm,
  {
    vdev,
    target,
    type,
    isForced,
  }: Pick<DiskSpec, 'vdev' | 'target' | 'type'> & { readonly isForced: boolean },
  operation: Operation,
): Promise<void> {
  const name = diskName(vdev);
  const drive = vm.configs.disks.find((disk) => disk.vdev === name);
  if (drive?.isCdrom !== true) throw noDevice(`CD drive ${name}`);
  if (target !== '' && !target.startsWith('/')) {
    throw new VmError('TASK_ARGUMENT_INVALID', {
      message: `The medium ${JSON.stringify(target.slice(0, 64))} must be an absolute path`,
      context: { argument: 'physpath' },
    });
  }
  await vm.host.changeMedium(
    vm.getDomid(),
    vm.spec(),
    { drive: vbdConfig({ ...drive, target, type }), isForced },
    hostCall(vm, 'devices', operation),
  );
  vm.configs.media = { ...vm.configs.media, [name]: { target, type } };
  await vm.save();
}

function diskName(vdev: string): string {
  return vdev.replace(/^\/dev\//, '');
}

/** The error of a device that is not there. */
export function noDevice(what: string): VmError {
  return new VmError('VM_NO_DEVICE', {
    message: `The VM has no ${what}`,
    context: { device: what },
  });
}
