/**
 * Every path of xenstore that the toolstack uses (docs/misc/xenstore-paths.pandoc); no other module puts one together.
 */
import { findDomid, type Domid, type VmUuid } from '../ids.ts';

/** `/local/domain/D`, or below it. */
export function domainPath(domid: Domid, ...below: readonly (string | number)[]): string {
  return ['/local/domain', domid, ...below].join('/');
}

/** Where the toolstack asks a guest to shut down, and the guest acknowledges. */
export function shutdownRequestPath(domid: Domid): string {
  return domainPath(domid, 'control/shutdown');
}

/** Whether the guest's kernel can do this: `0`, `1`, or empty while nobody knows. */
export function shutdownFeaturePath(domid: Domid, feature: string): string {
  return domainPath(domid, `control/feature-${feature}`);
}

/** Where all `vmPath`s are. */
export const VM_ROOT = '/vm';

/** `/vm/UUID`, or below it: what outlives the domid. */
export function vmPath(uuid: VmUuid, ...below: readonly string[]): string {
  return [VM_ROOT, uuid, ...below].join('/');
}

/** Where all `recordPath`s are. */
export const RECORD_ROOT = '/libxl';

/** Where libxl keeps what it knows of PCI devices that are given away. */
export const PCI_RECORD_ROOT = '/libxl/pci';

/** `/libxl/pci/DDDD-BB-SS-F`, or below it. */
export function pciRecordPath(folder: string, ...below: readonly string[]): string {
  return [PCI_RECORD_ROOT, folder, ...below].join('/');
}

/**
 * `/libxl/D`, or below it: the trusted record of the domain, which no guest can read. In libxl's shape, so that `xl`
 * can show and destroy what we made.
 */
export function recordPath(domid: Domid, ...below: readonly (string | number)[]): string {
  return [RECORD_ROOT, domid, ...below].join('/');
}

/**
 * What we alone keep of a domain. It lies inside libxl's record because `xl destroy` removes that whole, and so leaves
 * nothing of ours behind.
 */
export function ownRecordPath(domid: Domid, ...below: readonly string[]): string {
  return recordPath(domid, 'xenops', ...below);
}

/** The back-end half of a device. */
export function backendPath(
  device: { readonly backend: Domid; readonly kind: string; readonly frontend: Domid },
  ...below: readonly (string | number)[]
): string {
  return domainPath(device.backend, 'backend', device.kind, device.frontend, ...below);
}

/** The front-end half of a device. */
export function frontendPath(domid: Domid, kind: string, devid: number | string): string {
  return domainPath(domid, 'device', kind, devid);
}

/** What Dom0's device model and the toolstack share about a domain. */
export function deviceModelPath(domid: Domid): string {
  return domainPath(0 as Domid, 'device-model', domid);
}

/** Where all `deviceModelPath`s are. */
export function deviceModelsPath(): string {
  return domainPath(0 as Domid, 'device-model');
}

/** `/local/domain/A/dm-agent`, or below it: where an agent in another domain and the toolstack speak of device models. */
export function agentPath(agent: Domid, ...below: readonly (string | number)[]): string {
  return domainPath(agent, 'dm-agent', ...below);
}

const BUILD_MARK = 'xenops-building-';

/**
 * The mark of a build under way: who builds, so that another process can undo what a dead one left. Beside the records, whose
 * folder is there anyway and is listed by one request.
 */
export function buildMarkPath(domid: Domid): string {
  return `${RECORD_ROOT}/${BUILD_MARK}${domid}`;
}

/** The domain that a child of `RECORD_ROOT` is the mark of; undefined for any other child. */
export function domidOfBuildMark(name: string): Domid | undefined {
  return name.startsWith(BUILD_MARK) ? findDomid(name.slice(BUILD_MARK.length)) : undefined;
}

/** Where all `vmRecordPath`s are. */
export const VM_RECORDS_PATH = '/xenops/vm';

/** `/xenops/vm/UUID`, or below it: what a VM's monitor must find again after its own end. */
export function vmRecordPath(uuid: VmUuid, ...below: readonly (string | number)[]): string {
  return [VM_RECORDS_PATH, uuid, ...below].join('/');
}

/** Domid of the domain that a daemon of Xen runs in (absent: Dom0). */
export function daemonDomidPath(daemon: 'xenstored' | 'xenconsoled'): string {
  return `/tool/${daemon}/domid`;
}

/** Fires when a domain is introduced. */
export const INTRODUCE_DOMAIN = '@introduceDomain';
/** Fires when a domain shuts down or goes away. */
export const RELEASE_DOMAIN = '@releaseDomain';
/** All domains that xenstored knows. */
export const DOMAINS_PATH = '/local/domain';

/** The ends and the records of one device; the shape of `DeviceAddress`. */
interface DevicePathParts {
  readonly frontend: Domid;
  readonly kind: string;
  readonly devid: number | string;
  readonly backend: Domid;
  readonly backendKind: string;
}

/** The guest's end of a device. */
export function deviceFrontendPath({ frontend, kind, devid }: DevicePathParts): string {
  return frontendPath(frontend, kind, devid);
}

/** The back-end's end of a device. */
export function deviceBackendPath(device: DevicePathParts): string {
  const { backend, backendKind, frontend, devid } = device;
  return backendPath({ backend, kind: backendKind, frontend }, devid);
}

/** The trusted record of a device, in libxl's shape. */
export function deviceRecordPath({ frontend, kind, devid }: DevicePathParts): string {
  return recordPath(frontend, 'device', kind, devid);
}

/** What we alone keep about a device. */
export function ownDeviceRecordPath({ frontend, kind, devid }: DevicePathParts): string {
  return ownRecordPath(frontend, 'device', kind, String(devid));
}

/** Where a back-end driver says why it failed (drivers/xen/xenbus/xenbus_client.c, `xenbus_dev_error`). */
export function deviceErrorPath(device: DevicePathParts): string {
  const { backend, backendKind, frontend, devid } = device;
  return domainPath(backend, 'error', 'backend', backendKind, frontend, devid, 'error');
}

/** Where a guest's driver says why it failed. */
export function frontendErrorPath({ frontend, kind, devid }: DevicePathParts): string {
  return domainPath(frontend, 'error', 'device', kind, devid, 'error');
}
