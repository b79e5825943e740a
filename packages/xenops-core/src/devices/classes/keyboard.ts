/** Keyboards and pointers (xen/include/public/io/kbdif.h). */
import { DOM0, type Domid } from '../../ids.ts';
import type { DeviceDescription } from '../device.ts';

export interface VkbConfig {
  readonly devid: number;
  /** The device model, or a program in another domain. */
  readonly server?: 'device-model' | 'program';
  readonly backendDomid?: Domid;
  /** How a program finds it. */
  readonly uniqueId?: string;
  readonly hasKeyboard?: boolean;
  readonly hasPointer?: boolean;
  /** Size of the screen that an absolute pointer moves on. */
  readonly screen?: { readonly width: number; readonly height: number };
  readonly multiTouch?: {
    readonly width: number;
    readonly height: number;
    readonly contacts: number;
  };
}

/** Describes a keyboard and pointer. */
export function describeVkb(frontend: Domid, config: VkbConfig): DeviceDescription {
  const { screen, multiTouch } = config;
  const server = config.server ?? 'device-model';
  return {
    address: {
      frontend,
      kind: 'vkbd',
      devid: config.devid,
      backend: config.backendDomid ?? DOM0,
      backendKind: 'vkbd',
    },
    backend: server,
    backendKeys: {
      ...(config.uniqueId === undefined ? {} : { 'unique-id': config.uniqueId }),
      ...(config.hasKeyboard === false ? { 'feature-disable-keyboard': '1' } : {}),
      ...(config.hasPointer === false ? { 'feature-disable-pointer': '1' } : {}),
      ...(screen === undefined
        ? {}
        : {
            'feature-abs-pointer': '1',
            width: String(screen.width),
            height: String(screen.height),
          }),
      ...(multiTouch === undefined
        ? {}
        : {
            'feature-multi-touch': '1',
            'multi-touch-width': String(multiTouch.width),
            'multi-touch-height': String(multiTouch.height),
            'multi-touch-num-contacts': String(multiTouch.contacts),
          }),
    },
    frontendKeys: {},
    hotplug: { kind: 'none' },
  };
}
