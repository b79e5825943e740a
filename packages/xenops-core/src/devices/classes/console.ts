/** Consoles besides the primary one, which is part of the domain (xen/include/public/io/console.h). */
import { ConfigError } from '../../errors.ts';
import { DOM0, type Domid } from '../../ids.ts';
import type { DeviceDescription } from '../device.ts';

export interface ConsoleConfig {
  /** 1 and up. */
  readonly devid: number;
  /** `xenconsoled` offers a terminal; the device model what `output` says. */
  readonly server: 'xenconsoled' | 'device-model';
  /** `pty`, or the name of a character device of the device model. */
  readonly output: string;
  /** A channel has a name that the guest finds it by. */
  readonly name?: string;
  /** A channel through a unix socket of the device model. */
  readonly socketPath?: string;
}

/** Bytes that xenconsoled keeps of a console nobody reads. */
const LIMIT_BYTES = 1_048_576;

/** Describes a console. Throws CONFIG_BAD_VALUE for the primary one. */
export function describeConsole(frontend: Domid, config: ConsoleConfig): DeviceDescription {
  const { devid, server, output, name, socketPath } = config;
  if (!Number.isInteger(devid) || devid < 1) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A further console of domain ${frontend} has a number from 1, not ${devid}; console 0 is made with the domain`,
      context: { devid, domid: frontend },
    });
  }
  return {
    address: { frontend, kind: 'console', devid, backend: DOM0, backendKind: 'console' },
    backend: server === 'xenconsoled' ? 'program' : 'device-model',
    backendKeys: {
      protocol: 'vt100',
      ...(name === undefined ? {} : { name }),
      ...(socketPath === undefined ? {} : { connection: 'socket', path: socketPath }),
    },
    frontendKeys: {},
    // They steer the daemon that serves the ring: the guest may only read them (XSA-57).
    frontendReadOnlyKeys: {
      limit: String(LIMIT_BYTES),
      type: server === 'xenconsoled' ? 'xenconsoled' : 'ioemu',
      output,
      tty: '',
      protocol: 'vt100',
      ...(name === undefined ? {} : { name }),
    },
    hotplug: { kind: 'none' },
  };
}
