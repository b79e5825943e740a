/** Controllers of paravirtual USB, served by the device model or by a kernel (xen/include/public/io/usbif.h). */
import { ConfigError } from '../../errors.ts';
import { DOM0, type Domid } from '../../ids.ts';
import type { DeviceDescription } from '../device.ts';

export interface VusbConfig {
  readonly devid: number;
  readonly server: 'device-model' | 'kernel';
  readonly version: 1 | 2;
  /** 1 to 31. */
  readonly ports: number;
  /** Host devices by port, as `BUS-PORT[.PORT]`. */
  readonly devices?: Readonly<Record<number, string>>;
  readonly backendDomid?: Domid;
}

const HOST_DEVICE = /^\d+-\d+(\.\d+)*$/;

/** Describes a controller. Throws CONFIG_BAD_VALUE. */
export function describeVusb(frontend: Domid, config: VusbConfig): DeviceDescription {
  const { devid, server, version, ports, devices = {} } = config;
  const isPortCount = Number.isInteger(ports) && ports >= 1 && ports <= 31;
  const numbers = Object.keys(devices).map(Number);
  const isGood =
    isPortCount &&
    numbers.every((port) => port >= 1 && port <= ports) &&
    Object.values(devices).every((device) => HOST_DEVICE.test(device));
  if (!isGood) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `The USB controller ${devid} needs 1 to 31 ports, and its devices ports among them and names such as 1-1.2`,
      context: { devid, ports },
    });
  }
  const backendKind = server === 'kernel' ? 'vusb' : 'qusb';
  return {
    address: {
      frontend,
      kind: 'vusb',
      devid,
      backend: config.backendDomid ?? DOM0,
      backendKind,
    },
    backend: server,
    backendKeys: {
      type: server === 'kernel' ? 'vusb' : 'qusb',
      'usb-ver': String(version),
      'num-ports': String(ports),
      ...Object.fromEntries(
        Array.from({ length: ports }, (_, index) => [
          `port/${index + 1}`,
          devices[index + 1] ?? '',
        ]),
      ),
    },
    frontendKeys: { 'usb-ver': String(version), 'num-ports': String(ports) },
    hotplug: { kind: 'none' },
  };
}
