/** What the qemu in a stub domain is started with, and the devices that it works with there (libxl_dm.c, `libxl__build_device_model_args_new`). Pure. */
import { describeConsole } from '../devices/classes/console.ts';
import { describeVbd } from '../devices/classes/vbd.ts';
import { describeVif, type VifConfig } from '../devices/classes/vif.ts';
import type { DeviceDescription } from '../devices/device.ts';
import { parseDiskName } from '../devices/disk-number.ts';
import type { DomainConfig } from '../domain/xl-config.ts';
import type { Domid } from '../ids.ts';
import { qemuArguments } from './arguments.ts';
import type { DeviceModelConfig, EmulatedDisk } from './config.ts';

/** Consoles of a stub domain after the first, which is its log (libxl_internal.h, `STUBDOM_CONSOLE_...`). */
const CONSOLES = { save: 1, restore: 2, serial: 3 } as const;
/** What is appended to an interface's name (libxl_internal.h, `TAP_DEVICE_SUFFIX`). */
const LINK_SUFFIX = '-emu';
/** `a` is the digit of that value in base 36. */
const LETTERS_FROM = 10;

/**
 * Arguments after the program's name. The guest's disks are the stub domain's own, its serial port is one of the stub's consoles; what starts
 * qemu there adds the monitor. Throws CONFIG_BAD_VALUE.
 */
export function stubArguments(config: DeviceModelConfig): readonly string[] {
  return qemuArguments({
    ...config,
    vnc: undefined,
    serials: [`/dev/hvc${CONSOLES.serial}`],
    disks: config.disks.map(diskInStub),
  });
}

/** The stub's back-end interprets the image: what qemu finds is raw. */
function diskInStub(disk: EmulatedDisk): EmulatedDisk {
  if (disk.path === '') return disk;
  const letter = (parseDiskName(disk.vdev).disk + LETTERS_FROM).toString(36);
  return { ...disk, path: `/dev/xvd${letter}`, format: 'raw' };
}

/**
 * Devices of the stub domain: the guest's disks and those interfaces that it sees as emulated cards, for qemu to emulate from, and the consoles, which are
 * files and terminals of Dom0. Throws CONFIG_BAD_VALUE.
 */
export function stubDevices(
  stub: Domid,
  { disks, nics }: Pick<DomainConfig, 'disks' | 'nics'>,
  savePath: string,
): readonly DeviceDescription[] {
  const outputs = [
    [CONSOLES.save, `file:${savePath}`],
    // It goes on from no state.
    [CONSOLES.restore, 'null'],
    [CONSOLES.serial, 'pty'],
  ] as const;
  return [
    ...disks.map((disk) => describeVbd({ domid: stub, guestType: 'pv' }, disk)),
    ...nics
      .filter(({ isEmulated }) => isEmulated === true)
      .map((nic) => describeVif(stub, nicOfStub(nic))),
    ...outputs.map(([devid, output]) =>
      describeConsole(stub, { devid, server: 'device-model', output }),
    ),
  ];
}

function nicOfStub({ vifname, ...nic }: VifConfig): VifConfig {
  return {
    ...nic,
    isEmulated: false,
    ...(vifname === undefined ? {} : { vifname: `${vifname}${LINK_SUFFIX}` }),
  };
}
