/**
 * The xenstore suite against the daemon of the running Xen, under Node's own runner: a Dom0 has nothing else. Run by
 * xenstore.long.lab.ts as `node --test`; the environment says through which transport, and which daemon it is.
 *
 * The daemon is the host's own and cannot be started anew, so after each case the nodes that were not there before go. Its
 * guests cannot be made up: a case that asks for one is left out there and then, and says so.
 */
import { test } from 'node:test';
import {
  OXENSTORED_TRAITS,
  XENSTORED_TRAITS,
  xenStoreSuite,
  type StoreHost,
  type SuiteTest,
} from '@xenops/core/compliance';
import {
  DEFAULT_SOCKET_PATH,
  openSocketStore,
  socketConnector,
  WireClient,
  xenbusConnector,
  type Connector,
  type XenStore,
} from '@xenops/core/xenstore';
import { libxenstoreConnector } from '../xenstore-transport.ts';
import {
  LIBXENSTORE_LEFT_OUT,
  LIBXENSTORE_ON_OXENSTORED_LEFT_OUT,
  REAL_XEN_LEFT_OUT,
  REAL_XENSTORED_LEFT_OUT,
  withLeftOut,
  XENBUS_LEFT_OUT,
} from './store-transports.ts';

const isOxenstored = process.env['STORE_DAEMON'] !== 'xenstored';
const transport = process.env['STORE_TRANSPORT'] ?? 'socket';
const isXenbus = transport === 'xenbus' || process.env['XENSTORED_PATH'] === '/dev/xen/xenbus';

/** Folders in which cases make nodes. */
const FOLDERS = ['/', '/tool', '/local/domain', '/local/domain/0'];

/** What a real Xen cannot be asked for. */
class NotHere extends Error {}

const suiteTest: SuiteTest = Object.assign(
  (name: string, body: () => Promise<void>) =>
    test(name, async (context) => {
      try {
        await body();
      } catch (error) {
        if (!(error instanceof NotHere)) throw error;
        context.skip(error.message);
      }
    }),
  { skip: (name: string, body: () => Promise<void>) => test.skip(name, body) },
);

function connector(): Connector {
  if (transport === 'libxenstore') return libxenstoreConnector();
  return transport === 'xenbus' ? xenbusConnector() : socketConnector(DEFAULT_SOCKET_PATH);
}

/** Takes down what the folders have now; gives what puts them back so. */
async function rememberTree(store: XenStore): Promise<() => Promise<void>> {
  const before = await Promise.all(
    FOLDERS.map(async (path) => ({
      path,
      value: await store.readBytes(path),
      permissions: await store.getPermissions(path),
      names: new Set(await store.directory(path)),
    })),
  );
  return async () => {
    for (const { path, value, permissions, names } of before) {
      for (const name of await store.directory(path)) {
        if (!names.has(name)) await store.rm(path === '/' ? `/${name}` : `${path}/${name}`);
      }
      await store.write(path, value);
      await store.setPermissions(path, permissions);
    }
  };
}

function refuse(): never {
  throw new NotHere('guests cannot be made up on a real Xen');
}

const keeper = await openSocketStore(DEFAULT_SOCKET_PATH);
const restore = await rememberTree(keeper);
const dom0 = connector();

async function open(): Promise<StoreHost> {
  return {
    dom0,
    guest: refuse,
    openStore: async () => new WireClient(dom0),
    setDomain: async () => refuse(),
    [Symbol.asyncDispose]: restore,
  };
}

const library = isOxenstored ? LIBXENSTORE_ON_OXENSTORED_LEFT_OUT : LIBXENSTORE_LEFT_OUT;

xenStoreSuite({
  test: suiteTest,
  open,
  traits: withLeftOut(isOxenstored ? OXENSTORED_TRAITS : XENSTORED_TRAITS, [
    ...(transport === 'libxenstore' ? library : []),
    ...(isXenbus ? XENBUS_LEFT_OUT : []),
    ...(isOxenstored ? REAL_XEN_LEFT_OUT : REAL_XENSTORED_LEFT_OUT),
  ]),
});

void test('the store is as it was', async () => {
  await restore();
  await keeper[Symbol.asyncDispose]();
});
