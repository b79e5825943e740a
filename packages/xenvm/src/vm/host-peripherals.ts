/** Paravirtual keyboard, screen, sound and the mark of Argo. Pure. */
import {
  describeArgo,
  describeVfb,
  describeVkb,
  describeVsnd,
  type DeviceDescription,
} from '@xenops/core/devices';
import type { Domid } from '@xenops/core/ids';
import type { DomainSpec } from './domain-spec.ts';

/** The only one of its kind. */
const DEVID = 0;

/** Their descriptions. Keyboard and screen are the device model's; who serves sound may come later. */
export function describePeripherals(
  domid: Domid,
  { peripherals, model }: DomainSpec,
): readonly DeviceDescription[] {
  const { keyboard, screen, sound, argo } = peripherals;
  const { vnc, keymap } = model;
  return [
    ...(keyboard ? [describeVkb(domid, { devid: DEVID })] : []),
    ...(screen
      ? [
          describeVfb(domid, {
            devid: DEVID,
            ...(vnc === undefined ? {} : { vnc }),
            ...(keymap === undefined ? {} : { keymap }),
          }),
        ]
      : []),
    ...(sound ? [describeVsnd(domid, { devid: DEVID })] : []),
    ...(argo ? [describeArgo(domid)] : []),
  ];
}

/** Whether one of them needs a device model. */
export function isServedByModel({ peripherals: { keyboard, screen } }: DomainSpec): boolean {
  return keyboard || screen;
}
