/** Shared folders by the 9p protocol (xen/include/public/io/9pfs.h). */
import { ConfigError } from '../../errors.ts';
import { DOM0, type Domid } from '../../ids.ts';
import type { DeviceDescription } from '../device.ts';

export interface P9fsConfig {
  readonly devid: number;
  /** What the guest mounts it by. */
  readonly tag: string;
  /** Absolute path of the folder in the back-end's domain. */
  readonly folder: string;
  /** qemu's `security_model`; `none` unless said. */
  readonly securityModel?: 'none' | 'passthrough' | 'mapped-xattr' | 'mapped-file';
  readonly backendDomid?: Domid;
}

/** Describes a shared folder. Throws CONFIG_BAD_VALUE. */
export function describeP9fs(frontend: Domid, config: P9fsConfig): DeviceDescription {
  const { devid, tag, folder, securityModel = 'none' } = config;
  if (!folder.startsWith('/') || folder.includes('\0') || !/^[\w.-]{1,31}$/.test(tag)) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The shared folder ${devid} needs an absolute path and a tag of 1 to 31 letters, digits, or _ . -`,
      context: { devid, tag, folder },
    });
  }
  const backend = config.backendDomid ?? DOM0;
  return {
    address: { frontend, kind: '9pfs', devid, backend, backendKind: '9pfs' },
    backend: 'device-model',
    backendKeys: { path: folder, security_model: securityModel },
    frontendKeys: { tag },
    hotplug: { kind: 'none' },
  };
}
