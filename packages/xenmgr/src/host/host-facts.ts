/** Where the properties of the host come from. What cannot be told is empty or 0, never an error. */
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Manager } from '../manager/manager.ts';
import { readFlavour, keyValues } from '../root/caps.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from '../vms/slots.ts';
import { isThere, readTrimmed } from './files.ts';
import { hostPciDevices, isGpu, type HostPciDevice, type PciNames } from './pci-devices.ts';

const KIB_PER_MIB = 1024;
const BYTES_PER_MIB = 1024 * 1024;
/** Chassis types of machines that are carried: portable, laptop, notebook, sub-notebook, convertible, detachable (SMBIOS 3, 7.4.1). */
const LAPTOPS: readonly string[] = ['8', '9', '10', '14', '31', '32'];
const CLASS = { ethernet: 0x0200, wireless: 0x0280 } as const;
const INTEL = 0x8086;
/** Classes of the devices of Intel's management engine: simple communication, serial over LAN. */
const AMT_CLASSES: readonly number[] = [0x0780, 0x0700];

type Fact = () => unknown;

/** The sources of the host's properties that are read and not kept by the manager. */
export function hostFacts(manager: Manager, names: PciNames): Readonly<Record<string, Fact>> {
  const { places } = manager;
  const dmi =
    (name: string): Fact =>
    () =>
      readTrimmed(path.join(places.sys, 'class/dmi/id', name));
  const mac =
    (link: string): Fact =>
    () =>
      readTrimmed(path.join(places.sys, 'class/net', link, 'address'));
  const model =
    (wanted: (device: HostPciDevice) => boolean): Fact =>
    async () => {
      const found = (await hostPciDevices(places)).find(wanted);
      return found === undefined ? '' : names.nameOf(found);
    };
  const exists =
    (file: string): Fact =>
    () =>
      isThere(file);
  return {
    vendor: dmi('sys_vendor'),
    model: dmi('product_name'),
    serial: dmi('product_serial'),
    'bios-revision': dmi('bios_version'),
    laptop: async () =>
      LAPTOPS.includes(await readTrimmed(path.join(places.sys, 'class/dmi/id/chassis_type'))),
    'eth0-mac': mac('eth0'),
    'wireless-mac': mac('wlan0'),
    'eth0-model': model((device) => device.class === CLASS.ethernet),
    'wireless-model': model((device) => device.class === CLASS.wireless),
    'physical-gpu-model': model(isGpu),
    'physical-cpu-model': async () =>
      /^model name\s*: (.*)$/m.exec(await readTrimmed(path.join(places.proc, 'cpuinfo')))?.[1] ??
      '',
    'amt-capable': async () =>
      (await hostPciDevices(places)).some(
        (device) => device.vendor === INTEL && AMT_CLASSES.includes(device.class),
      ),
    'system-amt-pt': () => manager.database.view().read('/system-amt-pt-active') === 'true',
    'safe-graphics': async () =>
      (await readTrimmed(path.join(places.proc, 'cmdline'))).includes('safe-graphic'),
    'measured-boot-enabled': exists(path.join(places.root, 'boot/system/tpm/enabled')),
    'measured-boot-successful': exists(path.join(places.config, 'tpm/measured-boot')),
    'build-info': () => buildInfo(manager),
    ...memoryFacts(manager),
    ...storageFacts(manager),
  };
}

function memoryFacts(manager: Manager): Readonly<Record<string, Fact>> {
  const { hypervisor } = manager.host;
  const mib = (kib: number): number => Math.floor(kib / KIB_PER_MIB);
  return {
    'cpu-count': async () => (await hypervisor.physInfo()).cpuCount,
    'total-mem': async () => mib((await hypervisor.physInfo()).totalMemoryKib),
    'free-mem': async () => mib((await hypervisor.physInfo()).freeMemoryKib),
    'avail-mem': async () =>
      mib((await hypervisor.physInfo()).freeMemoryKib) + (await stealableMib(manager)),
  };
}

/** What running VMs hold above the least that they are to have. */
async function stealableMib({ database, host, life }: Manager): Promise<number> {
  const view = database.view();
  const memoryKib = new Map(
    (await host.hypervisor.listDomains()).map(({ domid, memoryKib: kib }) => [Number(domid), kib]),
  );
  const shares = vmUuids(view).map((uuid) => {
    const leastMib = vmSettings(view, uuid).number('memory-min');
    const hasMib = Math.floor((memoryKib.get(life.domid(uuid)) ?? 0) / KIB_PER_MIB);
    return leastMib > 0 ? Math.max(hasMib - leastMib, 0) : 0;
  });
  return shares.reduce((sum, share) => sum + share, 0);
}

function storageFacts({ places }: Manager): Readonly<Record<string, Fact>> {
  return {
    'total-storage': async () => (await storage(places.storage)).totalMib,
    'free-storage': async () => (await storage(places.storage)).freeMib,
  };
}

/** The size of a file system and what is free there for anybody, in MiB; nothing when it cannot be told. */
export async function storage(
  folder: string,
): Promise<{ readonly totalMib: number; readonly freeMib: number }> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    const mib = (count: number): number => Math.floor((count * bsize) / BYTES_PER_MIB);
    return { totalMib: mib(blocks), freeMib: mib(bavail) };
  } catch {
    return { totalMib: 0, freeMib: 0 };
  }
}

const BUILD_KEYS = ['build', 'build_date', 'build_branch', 'version', 'release', 'tools'];

/** Lines of `/etc/xenclient.conf`; on a system without it, what os-release says. */
async function buildInfo({ places }: Manager): Promise<ReadonlyMap<string, string>> {
  const lines = keyValues(await readTrimmed(path.join(places.root, 'etc/xenclient.conf')));
  const release = keyValues(await readTrimmed(path.join(places.root, 'etc/os-release')));
  const version = lines.get('version') ?? release.get('PRETTY_NAME')?.replaceAll('"', '') ?? '';
  const known = BUILD_KEYS.map((key) => [key, lines.get(key) ?? ''] as const);
  return new Map([...known, ['version', version], ['edition', await readFlavour(places)]]);
}
