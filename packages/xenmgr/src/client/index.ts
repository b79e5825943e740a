/** The service for programs: `@xenops/xenmgr/client`. */
export { findErrorNumber, XenmgrClientError, type XenmgrClientErrorCode } from './errors.ts';
export { XENMGR_EVENT_KINDS, type XenmgrEvent, type XenmgrEventKind } from './events.ts';
export { Host } from './host.ts';
export {
  DATABASE_BUS_NAME,
  HOST_PATH,
  ROOT_PATH,
  uuidOfVmPath,
  vmPath,
  XENMGR_BUS_NAME,
} from './names.ts';
export { Disk, Nic, Vm, type WaitForStateOptions } from './vm.ts';
export {
  connectXenmgr,
  Xenmgr,
  type VmSelector,
  type VmSummary,
  type XenmgrConnectOptions,
} from './xenmgr.ts';
export { ComCitrixXenclientDbClient as DatabaseClient } from '../generated/db.ts';
export { VM_STATE } from '../generated/xenmgr.ts';
