import { TSC_MODES } from '@xenops/core/hypervisor';
import { key, type KeyTable } from '../config-key.ts';
import { listOf, optional } from '../value-type.ts';
import {
  BOOLEAN,
  integer,
  KIBIBYTES,
  mebibytes,
  NUMBER_LIST,
  oneOf,
  PATH,
  PATH_OR_EMPTY,
  TEXT,
  textLike,
} from '../values/plain.ts';
import { AFFINITY, CPUID, PAIR } from '../values/small.ts';
import type { HardwareConfig } from '../vm-config.ts';

const MEMORY = optional(mebibytes(1));
const RPC_MEMORY = optional(KIBIBYTES);
const VCPUS = integer(1, 512);

export const HARDWARE_KEYS: KeyTable<HardwareConfig> = {
  guestType: key('type', optional(oneOf(['pv', 'pvh', 'hvm'])), undefined, {
    doc: 'Type of the guest: pv, pvh or hvm. Without it `hvm` decides between hvm and pv.',
  }),
  hvm: key('hvm', BOOLEAN, false, { doc: 'The guest is fully virtual, else paravirtual.' }),
  hap: key('hap', BOOLEAN, true, { doc: 'Hardware assisted paging.' }),
  kernelPath: key('kernel', PATH_OR_EMPTY, '', {
    doc: 'Kernel of a PV or PVH guest; for HVM the firmware loader, that of Xen when empty.',
  }),
  cmdline: key('cmdline', TEXT, '', { doc: 'Command line of that kernel.' }),
  ramdiskPath: key('initrd', optional(PATH), undefined, { doc: 'Ramdisk of that kernel.' }),
  modulePaths: key('module', listOf(PATH), [], {
    doc: 'PVH: further files for the kernel, after the ramdisk.',
  }),
  firmwarePath: key('firmware', optional(PATH), undefined, {
    doc: 'HVM: SeaBIOS or OVMF; SeaBIOS of the host without it.',
  }),
  acpiFirmwarePath: key('acpi-firmware', optional(PATH), undefined, {
    doc: 'HVM: further ACPI tables.',
  }),
  smbiosFirmwarePath: key('smbios-firmware', optional(PATH), undefined, {
    doc: 'HVM: further SMBIOS tables.',
  }),
  memoryKib: key('memory', MEMORY, undefined, {
    unit: 'MiB',
    rpcType: RPC_MEMORY,
    doc: 'Memory at the start. Needed. `get` and `set` have KiB.',
  }),
  memoryMaxKib: key('memory-max', MEMORY, undefined, {
    unit: 'MiB',
    rpcType: RPC_MEMORY,
    doc: 'What the guest can balloon up to; `memory` without it. `get` and `set` have KiB.',
  }),
  videoRamKib: key('videoram', optional(mebibytes(0)), undefined, {
    unit: 'MiB',
    doc: 'HVM: memory of the emulated card, out of `memory`.',
  }),
  mmioHoleKib: key('mmio-hole', optional(mebibytes(256)), undefined, {
    unit: 'MiB',
    doc: 'HVM: room for PCI devices below 4 GiB.',
  }),
  shadowMultiplier: key('paging-pool-factor', integer(1, 16), 1, {
    doc: 'PVH and HVM: scales the memory for page tables.',
  }),
  vcpus: key('vcpus', VCPUS, 1, { doc: 'Most vcpus the guest can have.' }),
  onlineVcpus: key('vcpus-online', optional(VCPUS), undefined, {
    doc: 'How many of them are online at the start; all without it.',
  }),
  coresPerSocket: key('cores-per-socket', optional(integer(1, 512)), undefined, {
    doc: 'Topology the guest sees.',
  }),
  affinity: key('cpus-affinity', listOf(AFFINITY), [], {
    doc: 'VCPU:CPU[,CPU-CPU...]: the only cpus that vcpu may run on.',
  }),
  softAffinity: key('cpus-soft-affinity', listOf(AFFINITY), [], { doc: 'The same, as a wish.' }),
  schedulerWeight: key('cpu-weight', optional(integer(1, 65_535)), undefined, {
    doc: "Share of the cpus; Xen's 256 without it.",
  }),
  schedulerCapPercent: key('cpu-cap', optional(integer(0, 51_200)), undefined, {
    unit: '%',
    doc: 'Upper limit in percent of one cpu; 0 is none.',
  }),
  cpuid: key('cpuid', listOf(CPUID), [], {
    doc: 'LEAF[+SUBLEAF]:REGISTER=MASK[,...]: changes of what the guest sees of the processor.',
  }),
  xciCpuidSignature: key('xci-cpuid-signature', BOOLEAN, false, {
    doc: 'HVM: the signature of XenClient; needs a Xen that has it.',
  }),
  pae: key('pae', BOOLEAN, false, { doc: 'HVM: physical address extension.' }),
  apic: key('apic', BOOLEAN, false, { doc: 'HVM: an APIC in the firmware tables.' }),
  acpi: key('acpi', BOOLEAN, false, { doc: 'HVM: ACPI, with S3 and S4.' }),
  nx: key('nx', BOOLEAN, false, { doc: 'HVM: no-execute pages.' }),
  viridian: key('viridian', BOOLEAN, false, { doc: 'HVM: interfaces of Hyper-V, for Windows.' }),
  nested: key('nested', BOOLEAN, false, { doc: 'HVM: a hypervisor may run in the guest.' }),
  smbiosPassThrough: key('smbios-pt', BOOLEAN, false, {
    doc: "HVM: show the host's BIOS, system, board, chassis, OEM texts, battery and power supply (SMBIOS). The uuid stays the VM's.",
  }),
  acpiPassThrough: key('acpi-pt', BOOLEAN, false, {
    doc: "HVM: show the host's licences of Windows (ACPI tables SLIC and MSDM).",
  }),
  smbiosOemTypes: key('smbios-oem-types-pt', NUMBER_LIST, [], {
    doc: "HVM: types of the vendor's own SMBIOS structures to show, 128 to 255.",
  }),
  timerMode: key('timer-mode', optional(integer(0, 3)), undefined, {
    doc: 'HVM: how missed timer ticks are delivered.',
  }),
  hpet: key('hpet', optional(integer(0, 1)), undefined, {
    doc: 'HVM: the high precision event timer.',
  }),
  vptAlign: key('vpt-align', optional(integer(0, 1)), undefined, {
    doc: 'HVM: align timers with each other.',
  }),
  tscMode: key('tsc-mode', optional(oneOf(TSC_MODES)), undefined, {
    doc: 'How the guest reads its time stamp counter.',
  }),
  timeOffsetSeconds: key('time-offset', integer(-3_155_760_000, 3_155_760_000), 0, {
    unit: 's',
    doc: "Offset of the guest's clock to UTC.",
  }),
  platform: key('platform', listOf(PAIR), [], {
    doc: 'NAME[=VALUE]: further nodes below platform/, which go before those that other keys make.',
  }),
  xenstoreData: key('xenstore-data', listOf(PAIR), [], {
    doc: "NAME=VALUE: nodes below the domain's root that the guest can read.",
  }),
  flaskLabel: key(
    'flask-label',
    optional(
      textLike(
        'label',
        /^[\w.-]+:[\w.-]+:[\w.:-]+$/,
        'a security label such as system_u:system_r:domU_t',
      ),
    ),
    undefined,
    { doc: 'Security label of the domain; unknown ones refuse the start.' },
  ),
  disableMigrate: key('disable-migrate', BOOLEAN, false, {
    doc: 'The guest must not be saved or migrated.',
  }),
};
