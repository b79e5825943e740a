/** Paths of the objects on D-Bus. A uuid has underscores there, and only there. */
import { ManagerError } from '../manager/manager-error.ts';

export const ROOT_PATH = '/';
export const HOST_PATH = '/host';
/** A path that is none: nothing, where a path has to be. */
export const NO_PATH = '/';

export function vmPath(uuid: string): string {
  return `/vm/${uuid.replaceAll('-', '_')}`;
}

export function diskPath(uuid: string, id: number): string {
  return `${vmPath(uuid)}/disk/${id}`;
}

export function nicPath(uuid: string, id: number): string {
  return `${vmPath(uuid)}/nic/${id}`;
}

/** The short form, which answers for the disk and the NIC of that number. */
export function devicePath(uuid: string, id: number): string {
  return `${vmPath(uuid)}/${id}`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A uuid from a caller, in lower case. Throws BAD_VALUE: it becomes part of paths. */
export function checkedUuid(text: string): string {
  const uuid = text.toLowerCase();
  if (UUID.test(uuid)) return uuid;
  throw new ManagerError('BAD_VALUE', {
    message: `${JSON.stringify(text.slice(0, 80))} is no uuid`,
  });
}

const VM_PATH = /^\/vm\/([0-9a-f_]{36})(?:\/(?:disk\/|nic\/)?(0|[1-9][0-9]{0,8}))?$/;

/** A disk or a NIC, by its VM and its number. */
export interface DeviceId {
  readonly uuid: string;
  readonly id: number;
}

/** The uuid of the VM that a path is of. Throws NOT_FOUND for any other path. */
export function uuidAt(path: string): string {
  const uuid = VM_PATH.exec(path)?.[1];
  if (uuid !== undefined) return uuid.replaceAll('_', '-');
  throw notThere(path);
}

/** The device that a path is of, in its long or short form. Throws NOT_FOUND for any other path. */
export function deviceAt(path: string): DeviceId {
  const found = VM_PATH.exec(path);
  if (found?.[1] !== undefined && found[2] !== undefined) {
    return { uuid: found[1].replaceAll('_', '-'), id: Number(found[2]) };
  }
  throw notThere(path);
}

function notThere(path: string): ManagerError {
  return new ManagerError('NOT_FOUND', { message: `There is no object at ${path}` });
}
