import { kibFromMib } from '@xenops/core/units';
import { key, type KeyTable } from '../config-key.ts';
import { listOf, optional } from '../value-type.ts';
import {
  BOOLEAN,
  integer,
  KIBIBYTES,
  mebibytes,
  oneOf,
  PATH,
  PATH_OR_EMPTY,
  TEXT,
  textLike,
  UUID,
} from '../values/plain.ts';
import { DISPLAY, DISPLAY_DEFAULT, PAIR } from '../values/small.ts';
import type { ModelConfig } from '../vm-config.ts';

/** Longest password that VNC's authentication looks at (RFC 6143, 7.2.2). */
const VNC_PASSWORD = textLike(
  'password',
  /^[\x20-\x7e]{1,8}$/,
  'a password of 1 to 8 printable characters',
);

export const MODEL_KEYS: KeyTable<ModelConfig> = {
  bootOrder: key(
    'boot',
    textLike(
      'boot order',
      /^[a-dn]{1,6}$/,
      'a boot order: letters among c (disk), d (CD) and n (network)',
    ),
    'cd',
    { doc: 'Order of boot devices: c disk, d CD, n network.' },
  ),
  serial: key('serial', TEXT, '', {
    doc: 'Serial port: pty when empty, none for none, or a character device of qemu.',
  }),
  display: key('display', DISPLAY, DISPLAY_DEFAULT, {
    doc: 'Screen: none, or vnc[:use-port-unused][,port=N][,keymap=NAME][,listen=ADDRESS]; sdl and intel count as none.',
  }),
  vncPassword: key('vnc-password', optional(VNC_PASSWORD), undefined, {
    isSecret: true,
    doc: 'Password of that screen.',
  }),
  videoCard: key('video-card', optional(oneOf(['cirrus', 'std', 'none'])), undefined, {
    doc: 'Emulated card: cirrus, std or none; cirrus without it, or std with extra-hvm=std-vga.',
  }),
  usbTablet: key('usb-tablet', BOOLEAN, true, { doc: 'A pointer with absolute positions.' }),
  sound: key('sound', optional(TEXT), undefined, {
    doc: 'Emulated sound card: ac97, es1370, hda or sb16.',
  }),
  extraHvm: key('extra-hvm', listOf(PAIR), [], {
    doc: 'NAME[=VALUE]: options for the device model of OpenXT; std-vga alone has an effect here.',
  }),
  modelArguments: key('device-model-arg', listOf(TEXT), [], {
    doc: 'A further argument for the device model.',
  }),
  cdromPassThrough: key('cdrom-pt', optional(PATH), undefined, {
    doc: 'A drive of the host, given to the guest (/dev/bsg/...).',
  }),
  powerManagement: key('power-management', integer(0, 2), 0, {
    doc: '1: pass on the battery of the host, 2: do not; 0: nothing is said.',
  }),
  oemFeatures: key('oem-features', integer(0, 0x7fff_ffff), 0, {
    doc: 'Told to the device model when not 0.',
  }),
  injectSci: key('inject-sci', integer(0, 0x7fff_ffff), 0, {
    doc: 'Told to the device model when not 0.',
  }),
  qemuPath: key('qemu-dm-path', PATH_OR_EMPTY, '', {
    doc: "The device model; the host's own qemu when empty.",
  }),
  qemuTimeoutSeconds: key('qemu-dm-timeout', integer(1, 3600), 30, {
    unit: 's',
    doc: 'What it gets to be ready.',
  }),
  isModelConfined: key('dm-restrict', BOOLEAN, false, {
    doc: 'Confine the device model of an HVM guest to a user and a root folder of its own. Not with PCI devices and qcow2 disks.',
  }),
  stubdom: key('stubdom', optional(UUID), undefined, {
    doc: 'Run the device model of an HVM guest in a stub domain of this uuid. Not with PCI devices and dm-restrict; the VM cannot be suspended then, and has no VNC screen.',
  }),
  stubdomMemoryKib: key('stubdom-memory', mebibytes(1), kibFromMib(128), {
    unit: 'MiB',
    rpcType: KIBIBYTES,
    doc: 'Its memory. `get` and `set` have KiB.',
  }),
  stubdomKernelPath: key('stubdom-kernel', PATH, '/usr/lib/xen/boot/stubdomain-bzImage', {
    doc: 'Its kernel.',
  }),
  stubdomRamdiskPath: key('stubdom-initrd', PATH, '/usr/lib/xen/boot/stubdomain-initramfs', {
    doc: 'Its ramdisk.',
  }),
  stubdomCmdline: key('stubdom-cmdline', TEXT, 'init=/init xen_blkfront.max=8', {
    doc: 'Its command line.',
  }),
};
