/**
 * A domain's configuration as libxl writes it (`libxl_domain_config` as JSON): in the file that `xl` reads about a running domain,
 * and in a saved image. Pure. What we do not know in a configuration of xl is left out, not guessed.
 */
import { hasCode, StreamError } from '../errors.ts';
import type { GuestType, TscMode } from '../hypervisor/hypervisor.ts';
import { TSC_MODES } from '../hypervisor/hypervisor.ts';
import { vmUuid, type VmUuid } from '../ids.ts';
import type { VbdConfig } from '../devices/classes/vbd.ts';
import { diskNumber, parseDiskName } from '../devices/disk-number.ts';
import { emulatedCard, type VifConfig } from '../devices/classes/vif.ts';
import type { BuildConfig, DirectKernel } from './build-config.ts';

/** A whole domain: what it is, how it is built, which disks and interfaces it has. */
export interface DomainConfig {
  readonly uuid: VmUuid;
  readonly name: string;
  readonly build: BuildConfig;
  readonly disks: readonly VbdConfig[];
  readonly nics: readonly VifConfig[];
}

const TSC_NAMES: Readonly<Record<TscMode, string>> = {
  default: 'default',
  'always-emulate': 'always_emulate',
  native: 'native',
};

/** The JSON of libxl. */
export function encodeXlConfig({ uuid, name, build, disks, nics }: DomainConfig): string {
  const maxKib = build.maxMemoryKib ?? build.memoryKib;
  const online = build.onlineVcpus ?? build.vcpus;
  return JSON.stringify({
    c_info: { type: build.kind, name, uuid, run_hotplug_scripts: 'True' },
    b_info: {
      max_vcpus: build.vcpus,
      avail_vcpus: [...Array(online).keys()],
      ...(build.tscMode === undefined ? {} : { tsc_mode: TSC_NAMES[build.tscMode] }),
      max_memkb: maxKib,
      target_memkb: build.memoryKib,
      video_memkb: build.kind === 'hvm' ? (build.videoMemoryKib ?? 8192) : 0,
      sched_params: {},
      claim_mode: 'True',
      ...kernelOf(build.kind === 'hvm' ? build.directKernel : build),
      ...(build.kind === 'hvm' && build.isModelConfined === true ? { dm_restrict: 'True' } : {}),
      [`type.${build.kind}`]:
        build.kind === 'hvm' ? { vga: {}, vnc: {}, sdl: {}, spice: {}, rdm: {} } : {},
      arch_arm: {},
      arch_x86: { msr_relaxed: 'False' },
    },
    disks: disks.map(encodeDisk),
    nics: nics.map(encodeNic),
    on_reboot: 'restart',
    on_soft_reset: 'soft_reset',
  });
}

function encodeDisk(disk: VbdConfig): Json {
  return {
    pdev_path: disk.target,
    vdev: disk.vdev,
    format: disk.target === '' ? 'empty' : (disk.format ?? 'raw'),
    ...(disk.script === undefined ? {} : { script: disk.script }),
    ...(disk.isCdrom === true ? { removable: 1, is_cdrom: 1 } : {}),
    readwrite: disk.readOnly ? 0 : 1,
  };
}

function encodeNic(nic: VifConfig): Json {
  return {
    devid: nic.devid,
    mac: nic.mac,
    bridge: nic.network.bridge,
    ...(nic.mtu === undefined ? {} : { mtu: nic.mtu }),
    ...(nic.vifname === undefined ? {} : { ifname: nic.vifname }),
    ...(nic.script === undefined ? {} : { script: nic.script }),
    nictype: nic.isEmulated === true ? 'vif_ioemu' : 'vif',
    ...(nic.emulatedCard === undefined ? {} : { model: nic.emulatedCard }),
  };
}

/** The disks and interfaces that a domain has now, by their numbers, and what we have on record of those that we have attached or changed. */
export interface XlDevices extends Pick<DomainConfig, 'disks' | 'nics'> {
  readonly vbds: ReadonlySet<number>;
  readonly vifs: ReadonlySet<number>;
}

/** The JSON of a domain that xl has made, with the devices that it has now: all else stays as it is. Throws STREAM_INVALID. */
export function withDevices(json: string, { disks, nics, vbds, vifs }: XlDevices): string {
  const root = objectOf(parse(json), 'the configuration');
  const oursOf = new Map(disks.map((disk) => [numberOfDisk(disk.vdev), encodeDisk(disk)]));
  const nicsOf = new Map(nics.map((nic) => [nic.devid, encodeNic(nic)]));
  return JSON.stringify({
    ...root,
    disks: merge(listOf(root['disks']), vbds, oursOf, ({ vdev }) => numberOfDisk(vdev)),
    nics: merge(listOf(root['nics']), vifs, nicsOf, ({ devid }, index) => devid ?? index),
  });
}

/** Their entries of what is there, with our changes, and then those that are only ours. What we cannot tell the number of is kept. */
function merge(
  theirs: readonly unknown[],
  present: ReadonlySet<unknown>,
  ours: ReadonlyMap<unknown, Json>,
  numberOfEntry: (entry: Json, index: number) => unknown,
): readonly Json[] {
  const numbered = theirs.map((value, index) => {
    const entry = objectOf(value, 'a device');
    return { entry, number: numberOfEntry(entry, index) };
  });
  const kept = numbered.filter(({ number }) => number === undefined || present.has(number));
  const added = [...ours].filter(
    ([number]) => present.has(number) && kept.every((entry) => entry.number !== number),
  );
  return [
    ...kept.map(({ entry, number }) => ({ ...entry, ...ours.get(number) })),
    ...added.map(([, entry]) => entry),
  ];
}

function numberOfDisk(vdev: unknown): number | undefined {
  try {
    return diskNumber(parseDiskName(String(vdev)));
  } catch (error) {
    // xl knows more names than we do.
    if (hasCode(error, 'CONFIG_BAD_VALUE')) return undefined;
    throw error;
  }
}

function kernelOf(kernel: DirectKernel | undefined): Json {
  if (kernel === undefined) return {};
  const { kernelPath, cmdline, ramdiskPath } = kernel;
  return {
    kernel: kernelPath,
    cmdline,
    ...(ramdiskPath === undefined ? {} : { ramdisk: ramdiskPath }),
  };
}

/** Reads the JSON of libxl. Throws STREAM_INVALID when it is no configuration. */
export function decodeXlConfig(json: string): DomainConfig {
  const root = objectOf(parse(json), 'the configuration');
  const created = objectOf(root['c_info'], 'c_info');
  const built = objectOf(root['b_info'], 'b_info');
  const kind = textOf(created['type'], 'c_info.type');
  if (kind !== 'pv' && kind !== 'pvh' && kind !== 'hvm') throw bad(`c_info.type is ${quote(kind)}`);
  const uuid = textOf(created['uuid'], 'c_info.uuid');
  return {
    uuid: parseUuid(uuid),
    name: textOf(created['name'], 'c_info.name'),
    build: buildOf(kind, built),
    disks: listOf(root['disks']).map(diskOf),
    nics: listOf(root['nics']).map(nicOf),
  };
}

type Json = Readonly<Record<string, unknown>>;

function buildOf(kind: GuestType, built: Json): BuildConfig {
  const memoryKib = numberOf(built['target_memkb'], 'b_info.target_memkb');
  const tsc = built['tsc_mode'];
  const tscMode = TSC_MODES.find((mode) => TSC_NAMES[mode] === tsc);
  const common = {
    memoryKib,
    maxMemoryKib: numberOf(built['max_memkb'] ?? memoryKib, 'b_info.max_memkb'),
    vcpus: numberOf(built['max_vcpus'] ?? 1, 'b_info.max_vcpus'),
    onlineVcpus: Math.max(1, listOf(built['avail_vcpus']).length),
    tscMode,
  };
  // libxl wrote kernel and command line inside of type.pv before 4.17.
  const old = built[`type.${kind}`];
  const from: Json = typeof old === 'object' && old !== null ? { ...old, ...built } : built;
  const { kernel, ramdisk, cmdline } = from;
  const direct: DirectKernel = {
    kernelPath: typeof kernel === 'string' ? kernel : '',
    cmdline: typeof cmdline === 'string' ? cmdline : '',
    ramdiskPath: typeof ramdisk === 'string' ? ramdisk : undefined,
  };
  if (kind !== 'hvm') return { kind, ...common, ...direct };
  const video = built['video_memkb'];
  return {
    kind,
    ...common,
    videoMemoryKib: typeof video === 'number' && video >= 0 ? video : undefined,
    ...(direct.kernelPath === '' ? {} : { directKernel: direct }),
    ...(isTrue(built['dm_restrict']) ? { isModelConfined: true } : {}),
  };
}

function diskOf(value: unknown): VbdConfig {
  const disk = objectOf(value, 'a disk');
  const format = disk['format'];
  const isKnown = format === 'qcow2' || format === 'qcow' || format === 'vhd' || format === 'qed';
  const script = disk['script'];
  return {
    vdev: textOf(disk['vdev'], 'the vdev of a disk'),
    target: format === 'empty' ? '' : textOf(disk['pdev_path'] ?? '', 'the path of a disk'),
    ...(isKnown ? { format } : {}),
    readOnly: disk['readwrite'] !== 1,
    ...(isTrue(disk['is_cdrom']) ? { isCdrom: true } : {}),
    ...(typeof script === 'string' ? { script } : {}),
  };
}

function nicOf(value: unknown, index: number): VifConfig {
  const nic = objectOf(value, 'an interface');
  const { bridge, mtu, script, ifname, devid } = nic;
  const card = nic['nictype'] === 'vif_ioemu' ? emulatedCard(nic['model']) : undefined;
  return {
    devid: typeof devid === 'number' ? devid : index,
    mac: textOf(nic['mac'], 'the mac of an interface'),
    network: { kind: 'bridge', bridge: typeof bridge === 'string' ? bridge : 'xenbr0' },
    ...(typeof mtu === 'number' ? { mtu } : {}),
    ...(typeof script === 'string' ? { script } : {}),
    ...(typeof ifname === 'string' ? { vifname: ifname } : {}),
    ...(nic['nictype'] === 'vif_ioemu' ? { isEmulated: true } : {}),
    ...(card === undefined ? {} : { emulatedCard: card }),
  };
}

/** libxl writes booleans as text, and some as numbers. */
const isTrue = (value: unknown): boolean => value === 1 || value === true || value === 'True';

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw bad('it is not JSON', cause);
  }
}

function parseUuid(text: string): VmUuid {
  try {
    return vmUuid(text);
  } catch (cause) {
    throw bad(`c_info.uuid is ${quote(text)}`, cause);
  }
}

function objectOf(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw bad(`${what} is no object`);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string' && value.length <= 4096 && !value.includes('\0')) return value;
  throw bad(`${what} is no text`);
}

function numberOf(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw bad(`${what} is no positive number`);
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 64));

function bad(why: string, cause?: unknown): StreamError {
  return new StreamError('STREAM_INVALID', {
    message: `The configuration of the image cannot be read: ${why}`,
    ...(cause === undefined ? {} : { cause }),
  });
}
