import { key, type KeyTable } from '../config-key.ts';
import { listOf, optional } from '../value-type.ts';
import { DISK } from '../values/disk-line.ts';
import { NIC } from '../values/nic-line.ts';
import { PCI } from '../values/pci-line.ts';
import { BOOLEAN, integer, TEXT } from '../values/plain.ts';
import { range } from '../values/small.ts';
import type { DevicesConfig } from '../vm-config.ts';

const FLAG = integer(0, 1);
/** Ports of x86. */
const PORT_MAX = 0xffff;
/** Physical addresses have at most 52 bits. */
const ADDRESS_MAX = 2 ** 52 - 1;
const IGNORED = 'Old files have it; nothing reads it.';

export const DEVICE_KEYS: KeyTable<DevicesConfig> = {
  disks: key('disk', listOf(DISK), [], {
    doc: 'PHYSPATH:PHYSTYPE:VIRTPATH:MODE:DEVTYPE:SNAPSHOT[:backend-domid=N][:key-file=PATH:cipher=NAME:key-size=BITS][:key-dir=FOLDER,...]',
  }),
  nics: key('nic', listOf(NIC), [], {
    alias: 'vif',
    doc: 'Options with commas between: id=, network=, bridge=, mac= (address, vm or random), model=, wireless=, backend-domid=',
  }),
  pci: key('pci', listOf(PCI), [], {
    doc: 'GROUP,[bind,]DOMAIN:BUS:SLOT.FUNCTION[,msitranslate=,power_mgmt=,guest_slot=,vdevfn=]',
  }),
  passthrough: key('passthrough', BOOLEAN, false, {
    doc: 'Make room for PCI devices that are given while the guest runs; those of `pci` make it too.',
  }),
  pciMsitranslate: key('pci-msitranslate', FLAG, 1, { doc: 'For PCI devices that do not say.' }),
  pciPowerManagement: key('pci-power-management', FLAG, 1, {
    doc: 'For PCI devices that do not say.',
  }),
  ioPorts: key('passthrough-io', listOf(range(PORT_MAX, { hex: true })), [], {
    doc: 'FIRST-LAST: ports the guest may use; both ends belong to it.',
  }),
  mmio: key('passthrough-mmio', listOf(range(ADDRESS_MAX, { hex: true })), [], {
    unit: 'byte',
    doc: 'FIRST-LAST: addresses of devices the guest may use; both ends belong to it.',
  }),
  diskInfoPassThrough: key('diskinfo-pt', BOOLEAN, false, {
    doc: 'Show the guest what its physical disks say of themselves.',
  }),
  vkbd: key('vkbd', BOOLEAN, false, { doc: 'Paravirtual keyboard and pointer.' }),
  vfb: key('vfb', BOOLEAN, false, { doc: 'Paravirtual screen.' }),
  vsnd: key('vsnd', BOOLEAN, false, { doc: 'Paravirtual sound.' }),
  v4v: key('v4v', BOOLEAN, false, { doc: 'Messages between domains (Argo).' }),
  vtpmInstance: key('vtpm-instance', optional(integer(0, 0x7fff_ffff)), undefined, {
    doc: 'A TPM, with this state.',
  }),
  vtpmBackend: key('vtpm-backend', integer(0, 0x7fef), 0, { doc: 'Domain that serves it.' }),
  usb: key('usb', BOOLEAN, true, { applies: 'never', doc: IGNORED }),
  qemuPv: key('qemu-pv', BOOLEAN, true, { applies: 'never', doc: IGNORED }),
  pciScript: key('pci-script', TEXT, '', { applies: 'never', doc: IGNORED }),
  xciService: key('xci-service', TEXT, '', { applies: 'never', doc: IGNORED }),
  extraMaxMemoryKib: key('extra-maxmem', integer(0, 2 ** 42), 0, {
    applies: 'never',
    doc: IGNORED,
  }),
};
