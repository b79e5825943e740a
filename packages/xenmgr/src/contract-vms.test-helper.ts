/** The VMs that the contract test finds, and the programs of its host. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ManagerBench } from './testing/manager-bench.test-helper.ts';

/** Has everything that a VM can have. */
export const CONTRACT_VM = '11111111-0000-4000-8000-00000000000a';
/** Has nothing. */
export const OTHER_VM = '11111111-0000-4000-8000-00000000000b';

/** Puts them into the database. */
export async function addContractVms(bench: ManagerBench): Promise<void> {
  await mkdir(bench.places.disks, { recursive: true });
  await bench.addVm(CONTRACT_VM, {
    slot: '1',
    image_path: 'images/vm.png',
    appliance: 'shop',
    'productproperty/port/key': 'port',
    'productproperty/port/type': 'uint16',
    'crypto-key-dirs': path.join(bench.places.config, 'keys'),
    'config/disk/0/path': path.join(bench.places.disks, 'demo.vhd'),
    'config/disk/0/type': 'vhd',
    'config/disk/0/device': 'hda',
    'config/disk/0/mode': 'w',
    'config/disk/0/devtype': 'disk',
    // It is there for its properties; the guest of the test boots without.
    'config/disk/0/enable': 'false',
    'config/nic/0/id': '0',
    'config/nic/0/network': '/wired/0/bridged',
    'config/nic/0/enable': 'false',
  });
  await bench.addVm(OTHER_VM, { slot: '0', 'crypto-user': 'demo' });
  const isos = path.join(bench.places.storage, 'isos');
  await bench.database.transact((draft) => draft.write('/xenmgr/isos', isos));
}

/** The programs that the methods run. */
export function playPrograms({ programs }: ManagerBench): void {
  programs.play('qemu-img', async ({ args }) => {
    await writeFile(args.find((word) => word.endsWith('.vhd')) ?? '/dev/null', '');
    return '';
  });
  programs.play('status-tool', () => '/report.tar.gz\n');
  programs.play('tap-ctl', ({ args }) => (args[0] === 'create' ? '/dev/xen/tapdev0\n' : ''));
  programs.play('vhd-util', ({ args }) => (args.includes('-p') ? 'none\n' : ''));
  programs.play('/usr/lib/xen/bin/audio_helper', ({ args }) =>
    args.includes('sget') ? '50% on\n' : 'Master : playback : volume : 50%\n',
  );
  for (const quiet of ['eject', 'mount', 'umount', 'service', 'update-pcm-config']) {
    programs.play(quiet, () => '');
  }
}
