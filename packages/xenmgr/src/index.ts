/** The host on D-Bus: its database, its properties, and what they make of a VM. */
export { rootAndGroup, type AccessRule } from './db/access.ts';
export { Database, openDatabase, type ChangeListener } from './db/database.ts';
export { exportOldFiles, importOldFiles } from './db/old-files.ts';
export { DATABASE_BUS_NAME, serveDatabase } from './db/service.ts';
export { Draft, View } from './db/view.ts';
export { DatabaseError, type DatabaseErrorCode } from './errors.ts';
