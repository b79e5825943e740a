/** From the configuration of a VM to what `@xenops/core` makes domains of. Pure. */
import { emulatedCard, type VbdConfig, type VifConfig } from '@xenops/core/devices';
import {
  SOUND_CARDS,
  type DeviceModelExtras,
  type SoundCard,
  type StubDomainConfig,
} from '@xenops/core/dm';
import type { BuildConfig, CreateConfig, DomainConfig, HvmConfig } from '@xenops/core/domain';
import type { CpuPolicySpec } from '@xenops/core/hypervisor';
import type { VmUuid } from '@xenops/core/ids';
import { guestTypeOf } from '../config/guest-type.ts';
import type { Nic } from '../config/nics.ts';
import type { DiskSpec } from '../config/values/disk-line.ts';
import type { PciSpec } from '../config/values/pci-line.ts';
import type { NumberRange, VcpuCpus } from '../config/values/small.ts';
import type { VmConfig } from '../config/vm-config.ts';
import { VmError } from '../life/vm-error.ts';

export interface DomainSpec {
  readonly domain: DomainConfig;
  readonly model: DeviceModelExtras;
  /** The domain that the device model is to run in, when that is not Dom0. */
  readonly stub?: StubDomainConfig | undefined;
  readonly affinity: readonly VcpuCpus[];
  readonly softAffinity: readonly VcpuCpus[];
  readonly ioPorts: readonly NumberRange[];
  readonly mmio: readonly NumberRange[];
  /** What Xen fixes at the creation. */
  readonly limits: CreateConfig['limits'];
  /** Of an HVM guest: how missed ticks are delivered, and whether timers tick together. */
  readonly timers: { readonly mode: number | undefined; readonly align: number | undefined };
  /** Paravirtual devices besides disks and interfaces. */
  readonly peripherals: Readonly<Record<'keyboard' | 'screen' | 'sound' | 'argo', boolean>>;
  /** Whether it can have devices of the host, now or later: Xen makes room for that at the creation alone. */
  readonly canHavePci: boolean;
  /** Devices of the host. */
  readonly pci: readonly PciSpec[];
  readonly flaskLabel?: string | undefined;
}

/** The bridge of an interface that names none, as xl has it. */
const BRIDGE_DEFAULT = 'xenbr0';
/** libxl's choice of Hyper-V interfaces (`HVMPV_base_freq`, `time_ref_count`, `apic_assist`, `crash_ctl`; public/hvm/params.h). */
const VIRIDIAN_FEATURES = 0b110_0101n;
/** Options for OpenXT's device model with nothing left to do: its display service shows the screen, and `videoCard` has seen to the card. */
const EXTRA_OPTIONS_MET: ReadonlySet<string> = new Set(['surfman', 'std-vga']);
/** `power-management` of a guest that is to see the battery of the host. */
const BATTERY_PASSED_ON = 1;
/** A VNC port below is a display number. */
const VNC_PORT_FIRST = 5900;

/** Throws VM_CONFIG_INCOMPLETE, or VM_NOT_SUPPORTED for a configuration whose devices or protection this monitor cannot give. */
export function domainSpec(
  config: VmConfig,
  { uuid, nics }: { readonly uuid: VmUuid; readonly nics: readonly Nic[] },
): DomainSpec {
  assertSupported(config);
  const guestType = guestTypeOf(config);
  return {
    domain: {
      uuid,
      name: config.name ?? `vm-${uuid}`,
      build: buildConfig(config, guestType),
      disks: config.disks.filter((disk) => hasDrive(disk, guestType)).map(vbdConfig),
      nics: nics.map((nic) => vifConfig(nic, guestType === 'hvm')),
    },
    model: modelExtras(config),
    stub: guestType === 'hvm' ? stubConfig(config) : undefined,
    affinity: config.affinity,
    softAffinity: config.softAffinity,
    ioPorts: config.ioPorts,
    mmio: config.mmio,
    limits: guestType === 'pv' ? undefined : creationLimits(config),
    timers: { mode: config.timerMode, align: config.vptAlign },
    peripherals: {
      keyboard: config.vkbd,
      screen: config.vfb,
      sound: config.vsnd,
      argo: config.v4v,
    },
    canHavePci: config.passthrough || config.pci.length > 0,
    pci: config.pci,
    flaskLabel: config.flaskLabel,
  };
}

/** Keys whose absence would make another VM than the one that is meant. */
function assertSupported({
  pci,
  stubdom,
  vtpmInstance,
  isModelConfined,
  ...config
}: VmConfig): void {
  const cannot = [
    ...(pci.length > 0 && guestTypeOf(config) === 'pvh' ? ['PCI devices in a PVH guest'] : []),
    ...(stubdom !== undefined && pci.length > 0 ? ['PCI devices with a stub domain'] : []),
    ...(stubdom !== undefined && isModelConfined
      ? ['one device model both in a stub domain and confined to a user']
      : []),
    ...(vtpmInstance === undefined ? [] : ['a TPM']),
  ];
  if (cannot.length === 0) return;
  throw new VmError('VM_NOT_SUPPORTED', {
    message: `The VM needs what this monitor cannot give: ${cannot.join(', ')}`,
    context: { what: cannot.join(', ') },
  });
}

/** Keys that are set and change nothing here, for the log of a start. */
export function ignoredKeys(config: VmConfig): readonly string[] {
  const set: Readonly<Record<string, boolean>> = {
    'xci-cpuid-signature': config.xciCpuidSignature,
    // Without it the processors are the cores of one socket.
    'cores-per-socket': (config.coresPerSocket ?? config.vcpus) !== config.vcpus,
    sound: config.sound !== undefined && soundCard(config) === undefined,
    'nic (model)': config.nics.some(({ model }) => model !== '' && !emulatedCard(model)),
    'extra-hvm': config.extraHvm.some(({ key }) => !EXTRA_OPTIONS_MET.has(key)),
    'cdrom-pt': config.cdromPassThrough !== undefined,
    // No battery is passed on, which is what the other values ask for.
    'power-management': config.powerManagement === BATTERY_PASSED_ON,
    'oem-features': config.oemFeatures !== 0,
    'inject-sci': config.injectSci !== 0,
    'diskinfo-pt': config.diskInfoPassThrough,
    'display (vnc)': config.stubdom !== undefined && config.display.kind === 'vnc',
    'dm-restrict': config.isModelConfined && guestTypeOf(config) !== 'hvm',
    'pci (msitranslate, power_mgmt, guest_slot, vdevfn)': config.pci.some(
      ({ msitranslate, powerManagement, guestSlot, vdevfn }) =>
        (msitranslate ?? powerManagement ?? guestSlot ?? vdevfn) !== undefined,
    ),
  };
  return Object.keys(set).filter((name) => set[name] === true);
}

/** Xen's own choice unless the configuration says otherwise. */
function creationLimits({ hap, nested }: VmConfig): CreateConfig['limits'] {
  if (hap && !nested) return undefined;
  return { ...(hap ? {} : { hap }), ...(nested ? { nestedVirt: true } : {}) };
}

function buildConfig(config: VmConfig, kind: BuildConfig['kind']): BuildConfig {
  const { memoryKib, memoryMaxKib, vcpus, kernelPath, cmdline } = config;
  if (memoryKib === undefined) throw incomplete('memory');
  if (kind !== 'hvm' && kernelPath === '') throw incomplete('kernel');
  const common = {
    memoryKib,
    vcpus,
    maxMemoryKib: memoryMaxKib,
    onlineVcpus: config.onlineVcpus,
    tscMode: config.tscMode,
    timeOffsetSeconds: config.timeOffsetSeconds === 0 ? undefined : config.timeOffsetSeconds,
    cpuPolicy: cpuPolicy(config),
    schedulerShare: schedulerShare(config),
    platform:
      kind === 'hvm' || config.platform.length > 0 ? platformNodes(config, kind) : undefined,
    xenstoreData: pairs(config.xenstoreData),
  };
  const kernel = { kernelPath, cmdline, ramdiskPath: config.ramdiskPath };
  switch (kind) {
    case 'pv':
      return { kind, ...common, ...kernel };
    case 'pvh': {
      const modules = config.modulePaths.map((path) => ({ path }));
      return { kind, ...common, ...kernel, modules, poolMultiplier: config.shadowMultiplier };
    }
    case 'hvm':
      return {
        kind,
        ...common,
        loaderPath: kernelPath === '' ? undefined : kernelPath,
        firmwarePath: config.firmwarePath,
        acpiModulePath: config.acpiFirmwarePath,
        smbiosModulePath: config.smbiosFirmwarePath,
        hostTables: hostTables(config),
        videoMemoryKib: config.videoRamKib === 0 ? undefined : config.videoRamKib,
        ...(config.isModelConfined ? { isModelConfined: true } : {}),
        mmioHoleKib: config.mmioHoleKib,
        hpet: config.hpet === undefined ? undefined : config.hpet !== 0,
        viridianFeatures: config.viridian ? VIRIDIAN_FEATURES : undefined,
        poolMultiplier: config.shadowMultiplier,
      };
  }
}

function hostTables(config: VmConfig): HvmConfig['hostTables'] {
  const { smbiosPassThrough: smbios, smbiosOemTypes: oemTypes, acpiPassThrough: acpi } = config;
  return smbios || acpi || oemTypes.length > 0 ? { smbios, oemTypes, acpi } : undefined;
}

function cpuPolicy({ pae, nested, cpuid }: VmConfig): CpuPolicySpec | undefined {
  if (!pae && !nested && cpuid.length === 0) return undefined;
  return { ...(pae ? { pae } : {}), ...(nested ? { nestedVirt: true } : {}), leaves: cpuid };
}

function schedulerShare({
  schedulerWeight,
  schedulerCapPercent,
}: VmConfig): BuildConfig['schedulerShare'] {
  if (schedulerWeight === undefined && schedulerCapPercent === undefined) return undefined;
  return {
    ...(schedulerWeight === undefined ? {} : { weight: schedulerWeight }),
    ...(schedulerCapPercent === undefined ? {} : { capPercent: schedulerCapPercent }),
  };
}

/** What hvmloader and drivers read; the key `platform` has the last word. */
function platformNodes(
  config: VmConfig,
  kind: BuildConfig['kind'],
): Readonly<Record<string, string>> {
  const digit = (value: boolean): string => (value ? '1' : '0');
  const { acpi, apic, pae, nx, viridian, nested } = config;
  const own = {
    acpi: digit(acpi),
    acpi_s3: digit(acpi),
    acpi_s4: digit(acpi),
    apic: digit(apic),
    pae: digit(pae),
    nx: digit(nx),
    viridian: digit(viridian),
    nested: digit(nested),
  };
  return { ...(kind === 'hvm' ? own : {}), ...pairs(config.platform) };
}

function pairs(list: VmConfig['platform']): Readonly<Record<string, string>> {
  return Object.fromEntries(list.map(({ key, value = '' }) => [key, value]));
}

/** A drive without a medium is nothing to a guest without a device model: it comes with its first medium. */
function hasDrive({ target }: DiskSpec, guestType: BuildConfig['kind']): boolean {
  return guestType === 'hvm' || target !== '';
}

/** A disk as core has it. */
export function vbdConfig({
  target,
  type,
  vdev,
  readOnly,
  isCdrom,
  backendDomid,
}: DiskSpec): VbdConfig {
  const isImage = type === 'vhd' || type === 'qcow' || type === 'qcow2' || type === 'qed';
  return {
    vdev,
    target,
    ...(isImage ? { format: type } : {}),
    readOnly,
    ...(isCdrom ? { isCdrom } : {}),
    ...(backendDomid === 0 ? {} : { backendDomid }),
  };
}

/** An interface as core has it. Throws VM_CONFIG_INCOMPLETE when it names a network of a daemon and no bridge. */
export function vifConfig(
  { devid, mac, model, bridge, network, isWireless, backendDomid }: Nic,
  isHvm: boolean,
): VifConfig {
  if (bridge === '' && network.includes('/')) {
    throw new VmError('VM_CONFIG_INCOMPLETE', {
      message: `The network interface ${devid} is on ${network}, and only a bridge can be connected: bridge=NAME is needed too`,
      context: { devid, network },
    });
  }
  const name = bridge === '' ? (network === '' ? BRIDGE_DEFAULT : network) : bridge;
  return {
    devid,
    mac,
    network: { kind: 'bridge', bridge: name },
    ...(isWireless ? { isWireless } : {}),
    ...(backendDomid === 0 ? (isHvm && !isWireless ? emulated(model) : {}) : { backendDomid }),
  };
}

function emulated(model: string): Pick<VifConfig, 'isEmulated' | 'emulatedCard'> {
  const card = emulatedCard(model);
  return { isEmulated: true, ...(card === undefined ? {} : { emulatedCard: card }) };
}

function soundCard({ sound }: VmConfig): SoundCard | undefined {
  return SOUND_CARDS.find((card) => card === sound);
}

/** `extra-hvm=std-vga` is how managers of OpenXT ask for it. */
function videoCard({ videoCard: card, extraHvm }: VmConfig): DeviceModelExtras['card'] {
  return card ?? (extraHvm.some(({ key }) => key === 'std-vga') ? 'std' : undefined);
}

/** Its disk images and its log are Dom0's to serve; what it shows is seen over the guest's own drivers. */
function stubConfig(config: VmConfig): StubDomainConfig | undefined {
  const { stubdom: uuid, stubdomKernelPath: kernelPath, stubdomRamdiskPath: ramdiskPath } = config;
  if (uuid === undefined) return undefined;
  const { bootOrder, card, sound, usbTablet, extraArgs } = modelExtras(config);
  return {
    uuid,
    kernelPath,
    ramdiskPath,
    cmdline: config.stubdomCmdline,
    memoryKib: config.stubdomMemoryKib,
    model: { bootOrder, card, sound, usbTablet, extraArgs },
  };
}

function modelExtras(config: VmConfig): DeviceModelExtras {
  const { display, vncPassword, qemuPath } = config;
  const vnc =
    display.kind !== 'vnc'
      ? undefined
      : {
          ...(display.listen === undefined ? {} : { listen: display.listen }),
          ...(display.usePortUnused
            ? {}
            : {
                display:
                  display.port < VNC_PORT_FIRST ? display.port : display.port - VNC_PORT_FIRST,
              }),
          ...(vncPassword === undefined ? {} : { password: vncPassword }),
        };
  return {
    vnc,
    keymap: display.kind === 'vnc' ? display.keymap : undefined,
    card: videoCard(config),
    bootOrder: config.bootOrder,
    serials: config.serial === 'none' ? [] : [config.serial === '' ? 'pty' : config.serial],
    usbTablet: config.usbTablet,
    sound: soundCard(config),
    extraArgs: config.modelArguments,
    // Managers name an agent of theirs here, which means no more than "with a device model".
    qemuPath: /(^|\/)[^/]*qemu[^/]*$/.test(qemuPath) ? qemuPath : undefined,
  };
}

function incomplete(key: string): VmError {
  return new VmError('VM_CONFIG_INCOMPLETE', {
    message: `The VM cannot start: its configuration has no ${key}`,
    context: { key },
  });
}
