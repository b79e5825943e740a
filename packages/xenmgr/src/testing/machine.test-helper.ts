/** A machine made of files: what a manager reads below `/proc`, `/sys` and `/etc`. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Places } from '../manager/places.ts';

/** The CD drive, cards and devices of the machine. */
export const MACHINE = {
  cdDrive: '1:0:0:0',
  gpu: '0000:00:02.0',
  secondGpu: '0000:01:00.0',
  network: '0000:00:19.0',
} as const;

const PCI_DEVICES: readonly Readonly<Record<string, string>>[] = [
  { address: MACHINE.gpu, class: '0x030000', vendor: '0x8086', device: '0x0166', boot_vga: '1' },
  { address: MACHINE.network, class: '0x020000', vendor: '0x8086', device: '0x1502' },
  {
    address: MACHINE.secondGpu,
    class: '0x030000',
    vendor: '0x10de',
    device: '0x0dfc',
    boot_vga: '0',
  },
  { address: '0000:01:00.1', class: '0x040300', vendor: '0x10de', device: '0x0be9' },
];

const PCI_IDS =
  '8086  Intel Corporation\n\t0166  3rd Gen Core Graphics\n\t1502  82579LM\nC 03  Display\n';
const SCSI = `Attached devices:
Host: scsi1 Channel: 00 Id: 00 Lun: 00
  Vendor: MATSHITA Model: DVD-RAM UJ8C0     Rev: 1.00
  Type:   CD-ROM                           ANSI  SCSI revision: 05
`;

/** Makes it, and the folders that an installation has. */
export async function makeMachine(places: Places): Promise<void> {
  const { proc, sys, root, config, icons, uiPlugins, storage, disks } = places;
  const files: Readonly<Record<string, string>> = {
    [`${proc}/cpuinfo`]: 'processor\t: 0\nmodel name\t: Model of a CPU\n',
    [`${proc}/cmdline`]: 'console=tty0\n',
    [`${proc}/scsi/scsi`]: SCSI,
    [`${proc}/asound/cards`]: ' 0 [PCH            ]: HDA-Intel - HDA Intel PCH\n',
    [`${proc}/asound/pcm`]: '00-00: ALC269 Analog : ALC269 Analog : playback 1 : capture 1\n',
    [`${sys}/class/dmi/id/sys_vendor`]: 'Maker\n',
    [`${sys}/class/dmi/id/product_name`]: 'Book\n',
    [`${sys}/class/dmi/id/chassis_type`]: '10\n',
    [`${sys}/class/net/eth0/address`]: '00:16:3e:00:00:01\n',
    [`${sys}/bus/scsi/devices/${MACHINE.cdDrive}/block/sr0/dev`]: '11:0\n',
    [`${sys}/bus/pci/devices/${MACHINE.gpu}/drm/card0/dev`]: '226:0\n',
    [`${sys}/block/sda/dev`]: '8:0\n',
    [`${root}/etc/xenclient.flavour`]: 'default\n',
    [`${root}/etc/caps.default`]: 'supported-languages = en-us de-de\nsecondary-gpu-pt = true\n',
    [`${root}/etc/xenclient.conf`]: 'version = 9.0\nbuild = 1\ntools = 1.2.3.4\n',
    [`${root}/usr/share/misc/pci.ids`]: PCI_IDS,
    [`${root}/usr/share/xenclient/EULA`]: 'Be kind.\n',
    [`${config}/deferred_eula`]: '',
    [`${icons}/images/vm.png`]: 'PNG',
    [`${uiPlugins}/tabs/one.js`]: '',
    [`${storage}/isos/tools.iso`]: 'an image',
    [`${storage}/isos/null.iso`]: '',
    [`${disks}/demo.vhd`]: 'a disk',
  };
  for (const device of PCI_DEVICES) {
    for (const [name, text] of Object.entries(device)) {
      if (name === 'address') continue;
      await put(`${sys}/bus/pci/devices/${String(device['address'])}/${name}`, `${text}\n`);
    }
  }
  for (const [file, text] of Object.entries(files)) await put(file, text);
  await symlink('/etc/passwd', path.join(icons, 'images', 'elsewhere.png'));
  await mkdir(path.join(config, 'keys'), { recursive: true });
}

async function put(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}
