/** What a changed path of xenstore is about. Pure, and total: guests choose parts of these paths. */
import { findDomid, vmUuid, type Domid, type VmUuid } from '../ids.ts';
import type { DeviceEnd } from './event.ts';

export type ChangedNode =
  | {
      readonly kind: 'device-node';
      readonly device: DeviceEnd;
      readonly node: 'state' | 'hotplug-status' | 'params' | 'gone';
    }
  | { readonly kind: 'device-error'; readonly device: DeviceEnd }
  | { readonly kind: 'rtc'; readonly uuid: VmUuid }
  | { readonly kind: 'domain-node'; readonly domid: Domid; readonly node: string };

const BACKEND =
  /^\/local\/domain\/(\d{1,5})\/backend\/([\w-]{1,32})\/(\d{1,5})\/(\d{1,10})(?:\/(.*))?$/;
const DOMAIN = /^\/local\/domain\/(\d{1,5})\/(.+)$/;
const FRONTEND = /^device\/([\w-]{1,32})\/(\d{1,10})(?:\/(.*))?$/;
const FRONTEND_ERROR = /^error\/device\/([\w-]{1,32})\/(\d{1,10})\/error$/;
const RTC = /^\/vm\/([0-9a-f-]{36})\/rtc\/timeoffset$/;

/** What the path is about; undefined for what concerns nobody. */
export function parseChangedPath(path: string): ChangedNode | undefined {
  const backend = BACKEND.exec(path);
  if (backend !== null) return backendNode(backend);
  const rtc = RTC.exec(path)?.[1];
  if (rtc !== undefined) return { kind: 'rtc', uuid: vmUuid(rtc) };
  const [, domidText = '', node = ''] = DOMAIN.exec(path) ?? [];
  const domid = findDomid(domidText);
  if (domid === undefined) return undefined;
  const [, kind, devid, below] = FRONTEND.exec(node) ?? [];
  if (kind !== undefined && devid !== undefined) {
    return deviceNode({ domid, end: 'frontend', deviceKind: kind, devid: Number(devid) }, below);
  }
  const [, errorKind, errorDevid] = FRONTEND_ERROR.exec(node) ?? [];
  if (errorKind !== undefined && errorDevid !== undefined) {
    const device = {
      domid,
      end: 'frontend',
      deviceKind: errorKind,
      devid: Number(errorDevid),
    } as const;
    return { kind: 'device-error', device };
  }
  return { kind: 'domain-node', domid, node };
}

function backendNode(found: RegExpExecArray): ChangedNode | undefined {
  const [, backendText = '', deviceKind = '', domidText = '', devid = '', below] = found;
  const backend = findDomid(backendText);
  const domid = findDomid(domidText);
  if (backend === undefined || domid === undefined) return undefined;
  return deviceNode({ domid, end: 'backend', deviceKind, devid: Number(devid), backend }, below);
}

function deviceNode(device: DeviceEnd, below: string | undefined): ChangedNode | undefined {
  // The device's own folder fires when it is made and when it goes.
  if (below === undefined) return { kind: 'device-node', device, node: 'gone' };
  if (below === 'state') return { kind: 'device-node', device, node: below };
  if (device.end === 'backend' && (below === 'hotplug-status' || below === 'params')) {
    return { kind: 'device-node', device, node: below };
  }
  return undefined;
}
