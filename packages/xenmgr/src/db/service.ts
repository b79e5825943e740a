/**
 * The database on D-Bus: `com.citrix.xenclient.db` at `/`. Unlike the old service it refuses to write to a node with
 * children or below a text, instead of ignoring the one and losing the text in the other.
 */
import { DbusError, STANDARD_ERROR, type Bus, type CallContext } from '@xenops/rpcgen/runtime';
import { isDatabaseError } from '../errors.ts';
import { exportComCitrixXenclientDb, type ComCitrixXenclientDbHandlers } from '../generated/db.ts';
import { CallerAccess, type AccessRule } from './access.ts';
import type { Database } from './database.ts';

/** The bus name of the service. */
export const DATABASE_BUS_NAME = 'com.citrix.xenclient.db';
const OBJECT_PATH = '/';

/** Serves the database and takes its bus name, until the result is disposed. Throws DBUS_NAME_TAKEN. */
export async function serveDatabase(
  bus: Bus,
  database: Database,
  rule: AccessRule,
): Promise<AsyncDisposable> {
  const access = new CallerAccess(bus, rule, 'The database');
  const exported = exportComCitrixXenclientDb(bus, OBJECT_PATH, handlers(database, access));
  const stop = async (): Promise<void> => {
    exported.unexport();
    access[Symbol.dispose]();
    await bus.releaseName(DATABASE_BUS_NAME);
  };
  try {
    await bus.requestName(DATABASE_BUS_NAME);
  } catch (error) {
    exported.unexport();
    access[Symbol.dispose]();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}

function handlers(database: Database, access: CallerAccess): ComCitrixXenclientDbHandlers {
  const guarded = async <T>(context: CallContext, work: () => T | Promise<T>): Promise<T> => {
    await access.check(context);
    try {
      return await work();
    } catch (error) {
      throw replyFor(error);
    }
  };
  return {
    methods: {
      read: (path, context) => guarded(context, () => database.view().read(path) ?? ''),
      exists: (path, context) => guarded(context, () => database.view().exists(path)),
      list: (path, context) => guarded(context, () => database.view().list(path)),
      dump: (path, context) => guarded(context, () => database.view().dump(path)),
      write: (path, text, context) =>
        guarded(context, () => database.transact((draft) => draft.write(path, text))),
      inject: (path, json, context) =>
        guarded(context, () => database.transact((draft) => draft.inject(path, json))),
      rm: (path, context) => guarded(context, () => database.transact((draft) => draft.rm(path))),
      read_binary: (path, context) =>
        guarded(context, () => {
          const what = database.view().exists(path) ? 'has no binary content' : 'does not exist';
          throw new DbusError(STANDARD_ERROR.failed, `${path} ${what}`);
        }),
    },
    properties: {},
  };
}

/** What the caller did wrong or the disk cannot do is said as it is; anything else is for the log of the bus. */
function replyFor(error: unknown): unknown {
  if (!isDatabaseError(error)) return error;
  const wrongArgument = error.code === 'DB_BAD_PATH' || error.code === 'DB_BAD_JSON';
  const name =
    error.code === 'DB_LIMIT'
      ? STANDARD_ERROR.limitsExceeded
      : wrongArgument
        ? STANDARD_ERROR.invalidArgs
        : STANDARD_ERROR.failed;
  return new DbusError(name, error.message, { cause: error });
}
