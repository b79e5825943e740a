/** Disks and CD drives (xen/include/public/io/blkif.h, docs/man/xl-disk-configuration). */
import { ConfigError } from '../../errors.ts';
import { DOM0, type Domid } from '../../ids.ts';
import type { GuestType } from '../../hypervisor/hypervisor.ts';
import type { DeviceDescription, HotplugPlan } from '../device.ts';
import { diskNumber, parseDiskName } from '../disk-number.ts';

/** How a disk's bytes lie in its target. */
export type DiskFormat = 'raw' | 'qcow' | 'qcow2' | 'vhd' | 'qed';

/** Who serves it: Linux's blkback, the device model, tapdisk's kernel module, or nbd through the device model. */
export type DiskBackend = 'phy' | 'qdisk' | 'tap' | 'nbd';

export interface VbdConfig {
  /** `xvda`, `hdc`... */
  readonly vdev: string;
  /** Absolute path of a file or block device; for `nbd` `unix:PATH[:NAME]`. Empty: a CD drive without a medium. */
  readonly target: string;
  readonly format?: DiskFormat;
  /** Chosen by format and kind of device unless said. */
  readonly backend?: DiskBackend;
  readonly backendDomid?: Domid;
  readonly readOnly: boolean;
  readonly isCdrom?: boolean;
  /** A hotplug script in place of the native way. */
  readonly script?: string;
  /** Pass on what the guest frees; yes for a disk that can be written, unless said. */
  readonly discard?: boolean;
  readonly directIoSafe?: boolean;
  /** Whether the guest's driver may trust the back-end with its data; yes unless said. */
  readonly trusted?: boolean;
  /** Keys that the back-end gets besides its own; a key of ours cannot be replaced. */
  readonly extraBackendKeys?: Readonly<Record<string, string>>;
}

/** What of the guest matters to its disks. */
export interface VbdGuest {
  readonly domid: Domid;
  readonly guestType: GuestType;
}

/** The scripts that libxl names in the back-end, and that `xl` then runs to take the disk away. */
const BLOCK_SCRIPT = '/etc/xen/scripts/block';

/** Describes a disk. Throws CONFIG_BAD_VALUE. */
export function describeVbd(guest: VbdGuest, config: VbdConfig): DeviceDescription {
  const name = parseDiskName(config.vdev);
  const devid = diskNumber(name);
  const format = config.format ?? 'raw';
  checkVbd(config, format);
  const served = config.backend ?? chooseBackend(guest, config, format);
  if (served === 'phy' && format !== 'raw') {
    throw bad(
      config,
      `blkback serves raw disks only, not ${format}; let the device model serve it`,
    );
  }
  const backend = config.backendDomid ?? DOM0;
  const isCdrom = config.isCdrom === true;
  const isKernel = served === 'phy' || served === 'tap';
  const hotplug = hotplugOf(config, { backend, isKernel });
  const keys: Readonly<Record<string, string>> = {
    params: paramsOf(config, served, format),
    ...(hotplug.kind === 'none' ? {} : { script: config.script ?? BLOCK_SCRIPT }),
    removable: isCdrom ? '1' : '0',
    bootable: '1',
    dev: config.vdev,
    type: isKernel ? 'phy' : 'qdisk',
    mode: config.readOnly ? 'r' : 'w',
    'device-type': isCdrom ? 'cdrom' : 'disk',
    'discard-enable': (config.discard ?? !config.readOnly) ? '1' : '0',
    specification: 'xen',
    ...(config.directIoSafe === true ? { 'direct-io-safe': '1' } : {}),
  };
  return {
    address: {
      frontend: guest.domid,
      kind: 'vbd',
      devid,
      backend,
      backendKind: isKernel ? 'vbd' : 'qdisk',
    },
    backend: isKernel ? 'kernel' : 'device-model',
    backendKeys: { ...withoutRepeats(config, keys), ...keys },
    frontendKeys: {
      'virtual-device': String(devid),
      'device-type': isCdrom ? 'cdrom' : 'disk',
      trusted: config.trusted === false ? '0' : '1',
      ...(guest.guestType === 'pv' ? { protocol: 'x86_64-abi' } : {}),
    },
    hotplug,
    config,
  };
}

function checkVbd(config: VbdConfig, format: DiskFormat): void {
  if (config.target === '' && config.isCdrom !== true) {
    throw bad(config, 'only a CD drive may be empty');
  }
  if (config.isCdrom === true && !config.readOnly) throw bad(config, 'a CD drive is read-only');
  const isPath = config.backend !== 'nbd' && config.script === undefined && config.target !== '';
  if (isPath && !config.target.startsWith('/'))
    throw bad(config, 'its target must be an absolute path');
  if (config.target.includes('\0')) throw bad(config, 'its target contains a NUL');
  if (config.backend === 'nbd' && format !== 'raw') throw bad(config, 'nbd serves raw disks');
}

/** As libxl: the kernel for raw disks, the device model for images, and for the drives that it emulates. */
function chooseBackend(
  { guestType }: VbdGuest,
  config: VbdConfig,
  format: DiskFormat,
): DiskBackend {
  if (format !== 'raw') return 'qdisk';
  return config.isCdrom === true && guestType === 'hvm'
    ? 'qdisk'
    : config.target === ''
      ? 'qdisk'
      : 'phy';
}

function hotplugOf(
  config: VbdConfig,
  { backend, isKernel }: { readonly backend: Domid; readonly isKernel: boolean },
): HotplugPlan {
  if (!isKernel) return { kind: 'none' };
  if (backend !== DOM0) return { kind: 'remote' };
  if (config.script !== undefined) return { kind: 'script', script: config.script, type: 'vbd' };
  return { kind: 'block', path: config.target, readOnly: config.readOnly };
}

/**
 * qemu splits its driver from the path at the first colon, and crashes without one: an empty drive has `aio:`, as with xl. A raw path is opened
 * with native aio.
 */
function paramsOf({ target }: VbdConfig, served: DiskBackend, format: DiskFormat): string {
  if (served === 'phy' || served === 'tap') return target;
  if (served === 'nbd') return `nbd:${target}`;
  return format === 'raw' ? `aio:${target}` : `${format}:${target}`;
}

function withoutRepeats(
  config: VbdConfig,
  keys: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const extra = config.extraBackendKeys ?? {};
  const repeated = Object.keys(extra).find(
    (key) =>
      key in keys ||
      ['frontend', 'frontend-id', 'online', 'state', 'physical-device'].includes(key) ||
      !/^[\w/.-]+$/.test(key),
  );
  if (repeated === undefined) return extra;
  throw bad(config, `the back-end key ${JSON.stringify(repeated.slice(0, 64))} cannot be set`);
}

function bad({ vdev, target }: VbdConfig, why: string): ConfigError {
  return new ConfigError('CONFIG_BAD_VALUE', {
    message: `The disk ${vdev} cannot be used: ${why}`,
    context: { vdev, target },
  });
}
