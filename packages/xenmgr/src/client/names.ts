/** Names and paths of the service on the bus. In a path a uuid has underscores for its dashes. */
import { vmUuid, type VmUuid } from '@xenops/core/ids';
import { objectPath, type ObjectPath } from '@xenops/rpcgen/runtime';

/** The bus name of the service. */
export const XENMGR_BUS_NAME = 'com.citrix.xenclient.xenmgr';

/** The bus name of its database. */
export const DATABASE_BUS_NAME = 'com.citrix.xenclient.db';

/** The object that stands for the service as a whole. */
export const ROOT_PATH: ObjectPath = objectPath('/');

/** The object of the host. */
export const HOST_PATH: ObjectPath = objectPath('/host');

const VM_FOLDER = '/vm/';

/** The object of a VM. */
export function vmPath(uuid: VmUuid): ObjectPath {
  return objectPath(`${VM_FOLDER}${uuid.replaceAll('-', '_')}`);
}

/** The uuid of the VM whose object this is. Throws CONFIG_BAD_VALUE for the path of anything else. */
export function uuidOfVmPath(path: string): VmUuid {
  const isBelow = path.startsWith(VM_FOLDER);
  return vmUuid(isBelow ? path.slice(VM_FOLDER.length).replaceAll('_', '-') : path);
}
