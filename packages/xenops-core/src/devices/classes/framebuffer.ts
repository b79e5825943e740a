/** Paravirtual screens, shown by the device model (xen/include/public/io/fbif.h). */
import { DOM0, type Domid } from '../../ids.ts';
import type { DeviceDescription } from '../device.ts';

/** Where the device model shows a screen over VNC. */
export interface VncConfig {
  /** Loopback unless said. */
  readonly listen?: string;
  /** Display N is TCP port 5900 + N; the first free one unless said. */
  readonly display?: number;
  readonly password?: string;
}

export interface VfbConfig {
  readonly devid: number;
  readonly vnc?: VncConfig;
  readonly keymap?: string;
}

/** Describes a screen. */
export function describeVfb(frontend: Domid, { devid, vnc, keymap }: VfbConfig): DeviceDescription {
  return {
    address: { frontend, kind: 'vfb', devid, backend: DOM0, backendKind: 'vfb' },
    backend: 'device-model',
    backendKeys: {
      vnc: vnc === undefined ? '0' : '1',
      vnclisten: vnc?.listen ?? '127.0.0.1',
      vncdisplay: String(vnc?.display ?? 0),
      vncunused: vnc?.display === undefined ? '1' : '0',
      sdl: '0',
      opengl: '0',
      ...(keymap === undefined ? {} : { keymap }),
      ...(vnc?.password === undefined ? {} : { vncpasswd: vnc.password }),
    },
    frontendKeys: {},
    hotplug: { kind: 'none' },
  };
}
