/** What a VM is called on the bus. The interface has the same name as the service. */

/** `org.xen.vm.uuid_` and the uuid with underscores: bus name and interface. */
export function vmBusName(uuid: string): string {
  return `org.xen.vm.uuid_${uuid.replaceAll('-', '_')}`;
}

/** `/org/xen/vm/` and the uuid with underscores. */
export function vmObjectPath(uuid: string): string {
  return `/org/xen/vm/${uuid.replaceAll('-', '_')}`;
}

/** The path that the historical command used for every VM. */
export const ROOT_PATH = '/';

/** `get-domid` is `get_domid`. */
export function memberOf(task: string): string {
  return task.replaceAll('-', '_');
}
