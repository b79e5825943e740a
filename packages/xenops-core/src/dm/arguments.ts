/** The command line of qemu, as libxl 4.17 builds it (libxl_dm.c, libxl__build_device_model_args_new). Pure. */
import { ConfigError } from '../errors.ts';
import { diskNumber, parseDiskName } from '../devices/disk-number.ts';
import { mibFromKibUp } from '../units.ts';
import type { DeviceModelConfig, EmulatedDisk, EmulatedNic, SoundCard } from './config.ts';
import type { ProcessSpec } from '../host/host-services.ts';
import type { Confinement } from './confinement.ts';

/** The descriptor that qemu finds saved state at. */
export const STATE_FD = 3;

/** What the place decides that it runs in. */
export interface Surroundings {
  /** Where its monitor listens that everybody uses for a moment: xl and we. */
  readonly socketPath: string;
  /** Where that one does which a daemon keeps, to hear of events. A monitor serves one client at a time. */
  readonly heldSocketPath: string;
  readonly confinement?: Confinement | undefined;
}

/**
 * Arguments after the program's name; without surroundings, those that hold wherever it runs. Throws CONFIG_BAD_VALUE for what qemu
 * would read as something else.
 */
export function qemuArguments(
  config: DeviceModelConfig,
  surroundings?: Surroundings,
): readonly string[] {
  const isHvm = config.guestType === 'hvm';
  const confinement = surroundings?.confinement;
  return [
    ...['-xen-domid', String(config.domid)],
    ...(surroundings === undefined ? [] : monitorsArguments(surroundings)),
    ...['-no-shutdown', '-nodefaults', '-no-user-config'],
    ...['-name', option(config.name)],
    ...(isHvm ? [] : ['-xen-attach']),
    ...displayArguments(config),
    ...(isHvm ? hvmArguments(config) : ['-net', 'none']),
    ...['-machine', isHvm ? 'xenfv,suppress-vmdesc=on' : 'xenpv'],
    ...['-m', String(mibFromKibUp(config.memoryKib))],
    ...(isHvm ? diskArguments(config.disks, confinement) : []),
    ...(config.statePath === undefined ? [] : ['-incoming', `fd:${STATE_FD}`]),
    ...(config.extraArgs ?? []),
    ...(confinement === undefined ? [] : confinementArguments(confinement)),
  ];
}

/** Calls of the kernel that it has no use for: starting programs, priorities, what is obsolete. It becomes another user after this. */
const SANDBOX = 'on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny';

function confinementArguments(confinement: Confinement): readonly string[] {
  const { user, rootPath, hasSandbox, hasRunWith } = confinement;
  const who = `${user.uid}:${user.gid}`;
  return [
    '-xen-domid-restrict',
    ...(hasSandbox ? ['-sandbox', SANDBOX] : []),
    ...(hasRunWith
      ? ['-run-with', `chroot=${option(rootPath)},user=${who}`]
      : ['-chroot', rootPath, '-runas', who]),
  ];
}

function monitorsArguments({ socketPath, heldSocketPath }: Surroundings): readonly string[] {
  return [
    ...monitorArguments('libxl-cmd', socketPath),
    ...monitorArguments('xenops-cmd', heldSocketPath),
  ];
}

function monitorArguments(id: string, socketPath: string): readonly string[] {
  return [
    ...['-chardev', `socket,id=${id},path=${option(socketPath)},server=on,wait=off`],
    ...['-mon', `chardev=${id},mode=control`],
  ];
}

function displayArguments({ vnc, keymap }: DeviceModelConfig): readonly string[] {
  if (vnc === undefined) return ['-vnc', 'none', '-display', 'none'];
  const where = `${option(vnc.listen ?? '127.0.0.1')}:${vnc.display ?? 0}`;
  const password = vnc.password === undefined ? '' : ',password=on';
  const search = vnc.display === undefined ? ',to=99' : '';
  return [
    ...['-vnc', `${where}${password}${search}`, '-display', 'none'],
    ...(keymap === undefined ? [] : ['-k', option(keymap)]),
  ];
}

function hvmArguments(config: DeviceModelConfig): readonly string[] {
  const { serials = [], bootOrder, directKernel, vcpus, onlineVcpus, nics } = config;
  if (bootOrder !== undefined && !/^[a-dn]{1,6}$/.test(bootOrder)) {
    throw bad(
      `the boot order ${JSON.stringify(bootOrder.slice(0, 16))}: letters among c (disk), d (CD) and n (network)`,
    );
  }
  return [
    ...serials.flatMap((serial) => ['-serial', serial]),
    ...cardArguments(config),
    ...(directKernel === undefined
      ? ['-boot', `order=${bootOrder ?? 'cda'}`]
      : [
          ...['-kernel', directKernel.kernelPath],
          ...(directKernel.ramdiskPath === undefined ? [] : ['-initrd', directKernel.ramdiskPath]),
          ...['-append', directKernel.cmdline],
        ]),
    ...(config.usbTablet === false ? [] : ['-usb', '-usbdevice', 'tablet']),
    ...(config.acpi === false ? ['-no-acpi'] : []),
    ...(config.sound === undefined ? [] : SOUND_ARGUMENTS[config.sound]),
    ...['-smp', vcpus === 1 ? '1' : `${onlineVcpus},maxcpus=${vcpus}`],
    ...(nics.length === 0 ? ['-net', 'none'] : nics.flatMap((nic) => nicArguments(config, nic))),
  ];
}

function cardArguments({ card = 'cirrus', videoMemoryKib }: DeviceModelConfig): readonly string[] {
  const mib = mibFromKibUp(videoMemoryKib);
  switch (card) {
    case 'cirrus':
      return ['-device', `cirrus-vga,vgamem_mb=${mib}`];
    case 'std':
      return ['-device', `VGA,vgamem_mb=${mib}`];
    case 'none':
      return [];
  }
}

const SOUND_ARGUMENTS: Readonly<Record<SoundCard, readonly string[]>> = {
  ac97: ['-device', 'AC97'],
  es1370: ['-device', 'ES1370'],
  hda: ['-device', 'intel-hda', '-device', 'hda-duplex'],
  sb16: ['-device', 'sb16'],
};

function nicArguments({ domid }: DeviceModelConfig, nic: EmulatedNic): readonly string[] {
  const { devid, mac, model, bridge } = nic;
  return [
    ...['-device', `${model},id=nic${devid},netdev=net${devid},mac=${option(mac)}`],
    '-netdev',
    `type=tap,id=net${devid},ifname=vif${domid}.${devid}-emu,br=${option(bridge)},script=no,downscript=no`,
  ];
}

/** qemu's name of an image format. */
function formatName(format: EmulatedDisk['format']): string {
  return format === 'vhd' ? 'vpc' : format;
}

/** The names by which hot-plug commands find a drive. */
export function driveId(devid: number): string {
  return `ide-${devid}`;
}

/**
 * Descriptors of the disks for a device model that is confined, which could not open them again when it goes on from saved state or after a save. It
 * takes one that is open as it wants: each is there for reading, and one that it may write for both.
 */
export function openDisks(
  disks: readonly EmulatedDisk[],
): Required<Pick<ProcessSpec, 'inputs' | 'updates'>> {
  const opened = descriptorsOf(disks);
  return {
    inputs: Object.fromEntries(opened.map(({ path, read }) => [read, path])),
    updates: Object.fromEntries(
      opened.flatMap(({ path, write }) => (write === undefined ? [] : [[write, path] as const])),
    ),
  };
}

interface OpenDisk {
  readonly vdev: string;
  readonly path: string;
  /** The number of its set (`-add-fd`). */
  readonly set: number;
  readonly read: number;
  readonly write: number | undefined;
}

function descriptorsOf(disks: readonly EmulatedDisk[]): readonly OpenDisk[] {
  let next = STATE_FD;
  return disks
    .filter((disk) => disk.path !== '' && driveArguments(disk, '').length > 0)
    .map(({ vdev, path, readOnly, isCdrom }, index) => {
      const read = (next += 1);
      const write = readOnly || isCdrom ? undefined : (next += 1);
      return { vdev, path, set: index + 1, read, write };
    });
}

function diskArguments(
  disks: readonly EmulatedDisk[],
  confinement: Confinement | undefined,
): readonly string[] {
  const opened = confinement === undefined ? [] : descriptorsOf(disks);
  return disks.flatMap((disk) => {
    const found = opened.find(({ vdev }) => vdev === disk.vdev);
    if (found === undefined) {
      const file = disk.path === '' ? '' : `,file=${option(disk.path)}`;
      return driveArguments(disk, file);
    }
    const { set, read, write } = found;
    const driver = confinement?.blockDevices.has(disk.vdev) === true ? 'host_device' : 'file';
    return [
      ...[read, ...(write === undefined ? [] : [write])].flatMap((fd) => [
        '-add-fd',
        `fd=${fd},set=${set}`,
      ]),
      // Without locks: those of a descriptor of the set would outlive its use, and stand in the way of the other one.
      ...driveArguments(
        disk,
        `,file.driver=${driver},file.filename=/dev/fdset/${set},file.locking=off`,
      ),
    ];
  });
}

/** IDE for `hd*` and the first four `xvd*`, SCSI for `sd*`; other disks are paravirtual only. */
function driveArguments(disk: EmulatedDisk, place: string): readonly string[] {
  const { bus, disk: index, partition } = parseDiskName(disk.vdev);
  if (partition !== 0) return [];
  const file = place === '' ? '' : `${place},format=${formatName(disk.format)}`;
  if (disk.isCdrom) {
    const id = driveId(diskNumber({ bus: 'hd', disk: index, partition: 0 }));
    return [
      ...['-drive', `if=none,readonly=on,id=${id}${file}`],
      '-device',
      `ide-cd,id=${id},drive=${id},bus=ide.${index >> 1},unit=${index & 1}`,
    ];
  }
  if (bus === 'sd') {
    return [
      '-drive',
      `if=none,id=scsidisk${index}${file},readonly=${onOff(disk.readOnly)},cache=writeback`,
      '-device',
      `scsi-disk,drive=scsidisk${index},scsi-id=${index}`,
    ];
  }
  if (index >= 4) return [];
  if (disk.readOnly) throw bad(`the disk ${disk.vdev}: an emulated IDE disk cannot be read-only`);
  return ['-drive', `if=ide,index=${index},media=disk${file},cache=writeback`];
}

const onOff = (value: boolean): string => (value ? 'on' : 'off');

/** A value inside of an option with commas, where a comma is written twice. */
function option(value: string): string {
  if (/[\0-\x1f\x7f]/.test(value))
    throw bad(`${JSON.stringify(value.slice(0, 64))}: it has control characters`);
  return value.replaceAll(',', ',,');
}

function bad(what: string): ConfigError {
  return new ConfigError('CONFIG_BAD_VALUE', {
    message: `The device model cannot be given ${what}`,
  });
}
