/** Commands that make domains and take them away. */
import {
  buildDomain,
  createDomain,
  destroyDomain,
  getDomain,
  updateXlFile,
  VIDEO_KIB_DEFAULT,
  type BuildConfig,
  type DomainLimits,
  type HvmConfig,
} from '@xenops/core/domain';
import { ConfigError } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import { TSC_MODES } from '@xenops/core/hypervisor';
import { randomVmUuid, type Domid } from '@xenops/core/ids';
import { command, type Command, type CommandContext } from './command.ts';
import { assertIommu } from './iommu.ts';
import {
  DOMID,
  FILE,
  flag,
  MEMORY_KIB,
  NUMBER,
  optional,
  required,
  TEXT,
  UUID,
  VCPUS,
  withDefault,
  word,
  type Values,
} from './option.ts';

/** Enough for Xen to take back the memory of a large guest, and for back-ends to let go. */
const DESTROY_TIMEOUT_MS = 120_000;
const DEFAULT_MEMORY_KIB = 262_144;

const sizeOptions = {
  domid: required(DOMID),
  vcpus: optional({ ...VCPUS, doc: 'number of vcpus; as created unless said' }),
  memory: withDefault(MEMORY_KIB, DEFAULT_MEMORY_KIB),
  maxmem: optional({
    ...MEMORY_KIB,
    doc: 'memory it can balloon up to; as much as it starts with unless said',
  }),
  tsc: optional(word(TSC_MODES, 'how the guest reads its time stamp counter')),
} as const;

const kernelOptions = {
  ...sizeOptions,
  kernel: required({ ...FILE, doc: 'kernel image: ELF, or bzImage with Xen support' }),
  cmdline: withDefault({ ...TEXT, doc: 'command line of the kernel' }, 'root=/dev/sda1 ro'),
  ramdisk: optional({ ...FILE, doc: 'initial ramdisk' }),
} as const;

/** What libxl offers Windows unless told otherwise: base, frequencies, reference time, ... (LIBXL_VIRIDIAN_ENLIGHTENMENT defaults). */
const VIRIDIAN_DEFAULT = 0x1n | 0x4n | 0x8n | 0x10n | 0x20n;

export const makeCommands: readonly Command[] = [
  command({
    name: 'create_domain',
    aliases: ['init'],
    summary: 'make an empty, paused domain and print its domid',
    example: '-name web -vcpus 2',
    changes: true,
    options: {
      hvm: flag('make a hardware virtualised domain (HVM) instead of a PV one'),
      pvh: flag('make one in a hardware container without a device model (PVH) instead'),
      name: optional({ ...TEXT, doc: 'name of the domain; Domain-DOMID unless said' }),
      uuid: optional(UUID),
      vcpus: withDefault(
        { ...VCPUS, doc: 'most vcpus it can have; build_domain may change it' },
        1,
      ),
      passthrough: flag('so that it can be given PCI devices'),
      shadow: flag('page tables by Xen in place of the processor (HVM and PVH)'),
      nested: flag('so that it can run a hypervisor of its own (HVM); it cannot be saved then'),
      grant_frames: optional({
        ...NUMBER,
        doc: "frames of its grant table; Xen's limit unless said",
      }),
      maptrack_frames: optional({
        ...NUMBER,
        doc: "frames to map grants of others with; Xen's limit unless said",
      }),
    },
    async run(host, values, { out, json }) {
      const { hvm, pvh, name, uuid: given, vcpus, passthrough } = values;
      if (hvm && pvh) {
        throw new ConfigError('CONFIG_BAD_VALUE', {
          message: 'A domain is one of --hvm and --pvh, not both',
        });
      }
      if (passthrough) await assertIommu(host);
      const uuid = given ?? randomVmUuid();
      const guestType = hvm ? 'hvm' : pvh ? 'pvh' : 'pv';
      const domid = await createDomain(host, {
        uuid,
        guestType,
        name,
        maxVcpus: vcpus,
        passthrough,
        limits: limitsOf(values),
      });
      if (json) out.json({ domid, uuid });
      else out.line(String(domid));
    },
  }),
  command({
    name: 'build_domain',
    aliases: ['build'],
    summary: 'load a PV guest into a domain fresh from create_domain; it stays paused',
    example:
      '-domid 5 -memory 256M -kernel /boot/vmlinuz -ramdisk /boot/initrd.img -cmdline console=hvc0',
    changes: true,
    options: kernelOptions,
    run: (host, values, context) => buildDirect(host, 'pv', values, context),
  }),
  command({
    name: 'build_pvh',
    aliases: ['pvhbuild'],
    summary: 'load a PVH guest into a domain fresh from create_domain --pvh; it stays paused',
    example: '-domid 5 -memory 256M -kernel /boot/vmlinuz -cmdline console=hvc0',
    changes: true,
    options: kernelOptions,
    run: (host, values, context) => buildDirect(host, 'pvh', values, context),
  }),
  command({
    name: 'build_hvm',
    aliases: ['hvmbuild'],
    summary: 'load the firmware into a domain fresh from create_domain --hvm; add_dm is next',
    example: '-domid 5 -memory 1G -vcpus 2',
    changes: true,
    options: {
      ...sizeOptions,
      kernel: optional({ ...FILE, doc: "hvmloader; that of this Xen's package unless said" }),
      firmware: optional({ ...FILE, doc: 'SeaBIOS unless said' }),
      video: withDefault({ ...MEMORY_KIB, doc: 'video memory in KiB' }, VIDEO_KIB_DEFAULT),
      viridian: flag('offer the interfaces of Hyper-V, for Windows'),
      hpet: flag('emulate a high precision timer'),
      acpi_firmware: optional({ ...FILE, doc: 'extra ACPI tables' }),
      smbios_firmware: optional({ ...FILE, doc: 'extra SMBIOS tables' }),
      pae: flag('always on; accepted for old scripts'),
      acpi: flag('always on; accepted for old scripts'),
      apic: flag('always on; accepted for old scripts'),
      nx: flag('always on; accepted for old scripts'),
      nested: flag('let it run a hypervisor of its own; it cannot be saved then'),
      dm_restrict: flag(
        'confine its device model to this domain: a user of its own, an empty root folder; no PCI devices and qcow2 disks',
      ),
      smbios_pt: flag("show the host's SMBIOS tables; the uuid stays the guest's"),
      smbios_oem_types_pt: optional({
        ...TEXT,
        doc: "types of the vendor's own SMBIOS structures to show too: 129,221",
      }),
      acpi_pt: flag("show the host's licences of Windows (SLIC, MSDM)"),
    },
    async run(host, values, context) {
      const { kernel, firmware, video, viridian, hpet } = values;
      const config: HvmConfig = {
        kind: 'hvm',
        ...(await sizes(host, values)),
        loaderPath: kernel,
        firmwarePath: firmware,
        videoMemoryKib: video,
        ...(viridian ? { viridianFeatures: VIRIDIAN_DEFAULT } : {}),
        ...(hpet ? { hpet } : {}),
        ...(values.nested ? { nestedVirt: true } : {}),
        ...(values.dm_restrict ? { isModelConfined: true } : {}),
        acpiModulePath: values.acpi_firmware,
        smbiosModulePath: values.smbios_firmware,
        hostTables: hostTablesOf(values),
      };
      await build(host, values.domid, config, context, 'built hvm domain');
    },
  }),
  command({
    name: 'destroy_domain',
    aliases: ['destroy', 'del'],
    summary: 'take a domain away with all that belongs to it',
    example: '-domid 5',
    changes: true,
    options: { domid: required(DOMID) },
    async run(host, { domid }, { signal, timeoutMs }) {
      await destroyDomain(host, domid, { signal, timeoutMs: timeoutMs(DESTROY_TIMEOUT_MS) });
    },
  }),
];

function hostTablesOf({
  smbios_pt: smbios,
  acpi_pt: acpi,
  smbios_oem_types_pt: types,
}: {
  readonly smbios_pt: boolean;
  readonly acpi_pt: boolean;
  readonly smbios_oem_types_pt: string | undefined;
}): HvmConfig['hostTables'] {
  if (!smbios && !acpi && types === undefined) return undefined;
  return { smbios, acpi, oemTypes: (types ?? '').split(',').filter(Boolean).map(Number) };
}

/** What of the command line Xen fixes at creation. */
function limitsOf({
  shadow,
  nested,
  grant_frames: maxGrantFrames,
  maptrack_frames: maxMaptrackFrames,
}: {
  readonly shadow: boolean;
  readonly nested: boolean;
  readonly grant_frames: number | undefined;
  readonly maptrack_frames: number | undefined;
}): DomainLimits {
  return {
    ...(shadow ? { hap: false } : {}),
    ...(nested ? { nestedVirt: true } : {}),
    ...(maxGrantFrames === undefined ? {} : { maxGrantFrames }),
    ...(maxMaptrackFrames === undefined ? {} : { maxMaptrackFrames }),
  };
}

/** The sizes common to all guest types. */
async function sizes(
  host: Host,
  { domid, vcpus, memory, maxmem, tsc }: Values<typeof sizeOptions>,
): Promise<Pick<BuildConfig, 'memoryKib' | 'maxMemoryKib' | 'vcpus' | 'tscMode'>> {
  const { maxVcpuId } = await getDomain(host, domid);
  return { memoryKib: memory, maxMemoryKib: maxmem, vcpus: vcpus ?? maxVcpuId + 1, tscMode: tsc };
}

async function buildDirect(
  host: Host,
  kind: 'pv' | 'pvh',
  values: Values<typeof kernelOptions>,
  context: CommandContext,
): Promise<void> {
  const { domid, kernel, ramdisk, cmdline } = values;
  const common = await sizes(host, values);
  const config = { kind, ...common, kernelPath: kernel, ramdiskPath: ramdisk, cmdline };
  await build(host, domid, config, context, 'built domain');
}

async function build(
  host: Host,
  domid: Domid,
  config: BuildConfig,
  { out, json, signal }: CommandContext,
  done: string,
): Promise<void> {
  await buildDomain(host, domid, config, {
    signal,
    onProgress: ({ stage }) => out.progress(`building domain ${domid}: ${stage}`),
  });
  await updateXlFile(host, domid);
  if (json) out.json({ domid });
  else out.line(`${done}: ${domid}`);
}
