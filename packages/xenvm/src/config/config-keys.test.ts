import { expect, test } from '@jest/globals';
import { KEY_NAMES, KEY_ROWS } from './config-keys.ts';
import type { Applies } from './config-key.ts';

/** Keys of the old monitor; its files and managers have them. */
const OLD_KEYS =
  'uuid name debug output no_mem_check startup notify on_halt on_restart on_crash extra-local-watch extra-vm-watch ' +
  'hvm hap kernel cmdline initrd memory memory-max vcpus cores-per-socket cpus-affinity cpuid xci-cpuid-signature pae apic nx ' +
  'viridian nested acpi smbios-pt acpi-pt smbios-oem-types-pt timer-mode hpet vpt-align time-offset platform videoram ' +
  'flask-label disable-migrate boot serial display sound extra-hvm cdrom-pt power-management oem-features inject-sci ' +
  'qemu-dm-path qemu-dm-timeout stubdom stubdom-memory stubdom-kernel stubdom-initrd stubdom-cmdline disk nic vif pci ' +
  'pci-msitranslate pci-power-management passthrough-io passthrough-mmio diskinfo-pt vkbd vfb vsnd v4v vtpm-instance ' +
  'vtpm-backend usb qemu-pv pci-script xci-service extra-maxmem';

test('every key of the old monitor is there', () => {
  expect(OLD_KEYS.split(' ').filter((name) => !KEY_NAMES.includes(name))).toEqual([]);
});

/** Keys that count elsewhere than at the next start. */
const EARLIER: Readonly<Record<Exclude<Applies, 'next-start'>, string>> = {
  monitor: 'uuid debug output startup',
  'at-once':
    'notify on_halt on_restart on_crash on_watchdog on_soft_reset restart-min-life restart-limit ' +
    'extra-local-watch extra-vm-watch acknowledge-timeout shutdown-timeout suspend-timeout',
  never: 'usb qemu-pv pci-script xci-service extra-maxmem',
};

test.each(Object.entries(EARLIER))('what counts "%s" is told as that', (applies, names) => {
  const told = KEY_ROWS.filter(({ key }) => key.applies === applies).map(({ key }) => key.name);
  expect(told.toSorted()).toEqual(names.split(' ').toSorted());
});
