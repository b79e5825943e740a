/**
 * The configuration that xenvm gets for a VM: from one state of the database and the facts of the moment, without
 * looking at anything else. Values that cannot stand in it are refused by name before anything is started.
 */
import type { View } from '../db/view.ts';
import { TIMER_MODES } from '../properties/forms.ts';
import { VM_UNRESTRICTED_PROPERTIES } from '../properties/properties.ts';
import { line, renderLines, type ConfigLine } from './config-text.ts';
import { cdDriveLines, diskLines, nicLines, pciLine } from './device-lines.ts';
import type { BootFacts } from './facts.ts';
import { isServiceVm, vmSettings, type Settings } from './vm-settings.ts';

/** Video memory of a fully virtual VM that does not say. */
const VIDEO_MIB = 16;

/** The text of the configuration. Throws CONFIG_BAD_VALUE with the key of a value that cannot stand in it. */
export function renderVmConfig(view: View, uuid: string, facts: BootFacts): string {
  const vm = vmSettings(view, uuid);
  return renderLines([
    ...identityLines(vm, uuid, facts),
    ...diskLines(view, uuid, facts),
    ...nicLines(view, uuid, vm, facts),
    ...facts.pciDevices.map(pciLine),
    ...deviceModelLines(view, vm, facts),
    ...memoryLines(vm),
    ...soundLines(vm),
    ...processorLines(vm),
    ...otherLines(vm, facts),
    ...storedLines(vm),
    // Of two lines with one key the later counts.
    ...(facts.extractedRamdisk === undefined ? [] : [line('initrd', facts.extractedRamdisk)]),
    ...extraLines(vm),
    ...timerLines(vm),
  ]);
}

/** The numbers are those that the old service wrote: xenvm neither starts nor restarts the VM by itself. */
function identityLines(vm: Settings, uuid: string, facts: BootFacts): readonly ConfigLine[] {
  return [
    line('uuid', uuid),
    line('power-management', 2),
    line('startup', 'poweroff'),
    line('extra-local-watch', 'power-state'),
    line('on_restart', 'preserve'),
    line('qemu-dm-timeout', vm.number('qemu-dm-timeout')),
    line('xci-cpuid-signature', vm.flag('xci-cpuid-signature')),
    ...when(vm.flag('oem-acpi-features'), line('oem-features', 1)),
    ...nameLines(vm),
    ...typeLines(vm, facts),
    // Without it xenvm tells nobody what happens to the VM.
    ...when(vm.text('notify') === '', line('notify', 'dbus')),
  ];
}

/** Service VMs are known by name in Dom0; the name of a domain has neither blanks nor slashes. */
function nameLines(vm: Settings): readonly ConfigLine[] {
  const name = vm.text('name').replaceAll(/[\s/]+/g, '-');
  return when(isServiceVm(vm) && name !== '', line('name', name));
}

function typeLines(vm: Settings, facts: BootFacts): readonly ConfigLine[] {
  const type = vm.text('virt-type');
  const kernel = facts.extractedKernel ?? vm.text('kernel');
  return [
    type === 'pvh' ? line('type', 'pvh') : line('hvm', type === 'hvm'),
    ...when(type !== 'hvm' && kernel !== '', line('kernel', kernel)),
  ];
}

function deviceModelLines(view: View, vm: Settings, facts: BootFacts): readonly ConfigLine[] {
  const extra = vm.text('extra-hvm').split(';');
  return [
    ...displayLines(vm),
    ...(isHvm(vm) ? graphicsLines(vm) : []),
    ...extra.filter((item) => item !== '').map((item) => line('extra-hvm', item)),
    ...whenStored(vm, 'time-offset', 'time-offset'),
    line('videoram', vm.stored('videoram') ?? (isHvm(vm) ? VIDEO_MIB : 0)),
    ...cdDriveLines(view, vm, facts),
  ];
}

function isHvm(vm: Settings): boolean {
  return vm.text('virt-type') === 'hvm';
}

function displayLines(vm: Settings): readonly ConfigLine[] {
  if (vm.text('display') !== 'nogfx') return whenStored(vm, 'display', 'display');
  return [line('display', 'none'), line('video-card', 'none')];
}

function graphicsLines(vm: Settings): readonly ConfigLine[] {
  if (vm.text('gpu') === 'hdx') return [line('extra-hvm', 'gfx_passthru=')];
  const display = vm.text('display');
  return [
    ...when(display !== 'nogfx', line('extra-hvm', 'std-vga=')),
    ...when(!display.startsWith('vnc'), line('extra-hvm', 'surfman=')),
  ];
}

function memoryLines(vm: Settings): readonly ConfigLine[] {
  return [
    line('memory', vm.number('memory')),
    line('memory-max', Math.max(vm.number('memory'), vm.number('memory-static-max'))),
  ];
}

function soundLines(vm: Settings): readonly ConfigLine[] {
  const sound = vm.text('sound');
  const hasSound = sound !== '' && sound !== 'none' && vm.flag('policy-audio-access');
  return [
    ...when(hasSound, line('sound', sound)),
    ...when(!vm.flag('policy-audio-recording'), line('extra-hvm', 'disable-audio-rec=')),
  ];
}

/** All cores in one socket unless the VM says how many. */
function processorLines(vm: Settings): readonly ConfigLine[] {
  const vcpus = Math.max(1, vm.number('vcpus'));
  const cores = vm.number('cores-per-socket');
  const masks = vm.text('cpuid').split(';');
  return [
    line('vcpus', vcpus),
    line('cores-per-socket', cores === 0 ? vcpus : cores),
    ...masks.filter((mask) => mask !== '').map((mask) => line('cpuid', mask.trim())),
  ];
}

function otherLines(vm: Settings, facts: BootFacts): readonly ConfigLine[] {
  return [
    ...when(vm.flag('stubdom') && isHvm(vm), line('stubdom', facts.stubdomUuid)),
    ...when(!vm.flag('usb-enabled'), line('usb', false)),
    ...when(vm.flag('restrict-display-depth'), line('platform', 'restrictdisplaydepth=1')),
    ...when(vm.flag('restrict-display-res'), line('platform', 'restrictdisplayres=1')),
  ];
}

/** What the table of properties passes on as it is stored; without a stored value xenvm has its own default. */
function storedLines(vm: Settings): readonly ConfigLine[] {
  return VM_UNRESTRICTED_PROPERTIES.flatMap((row) =>
    row.kind === 'stored' && row.xenvm !== undefined ? whenStored(vm, row.name, row.xenvm) : [],
  );
}

/** An empty text means that there is nothing to say, as it always has. */
function whenStored(vm: Settings, name: string, key: string): readonly ConfigLine[] {
  const value = vm.stored(name);
  return value === undefined || value === '' ? [] : [line(key, value)];
}

/** Lines of the administrator's own; of two lines with one key xenvm takes the later. */
function extraLines(vm: Settings): readonly ConfigLine[] {
  return vm
    .text('extra-xenvm')
    .split(';')
    .filter((item) => item.includes('='))
    .map((item) => {
      const at = item.indexOf('=');
      return line(item.slice(0, at).trim(), item.slice(at + 1).trim());
    });
}

function timerLines(vm: Settings): readonly ConfigLine[] {
  const mode = vm.text('timer-mode');
  const number = TIMER_MODES.indexOf(mode);
  return [
    line('hpet', vm.flag('hpet') ? 1 : 0),
    line('timer-mode', number === -1 ? mode : number),
    ...when(vm.flag('nestedhvm'), line('nested', true)),
  ];
}

function when(condition: boolean, ...lines: readonly ConfigLine[]): readonly ConfigLine[] {
  return condition ? lines : [];
}
