/**
 * The xenstore suite against the daemon of the running Xen, as a program, because a Dom0 has no jest and Node's own runner
 * hooks into every promise, which an emulated host pays for dearly. Run by xenstore.long.lab.ts; the environment says
 * through which transport, and which daemon it is. Prints a line for each case; the status is 1 when one has failed.
 *
 * The daemon is the host's own and cannot be started anew, so after each case the nodes that were not there before go. Its
 * guests cannot be made up: a case that asks for one is left out there and then, and says so.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import {
  OXENSTORED_TRAITS,
  XENSTORED_TRAITS,
  xenStoreSuite,
  type StoreHost,
  type SuiteTest,
} from '@xenops/core/compliance';
import { systemClock } from '@xenops/core/host';
import {
  DEFAULT_SOCKET_PATH,
  openSocketStore,
  socketConnector,
  WireClient,
  xenbusConnector,
  type Connector,
  type Permissions,
  type XenStore,
} from '@xenops/core/xenstore';
import { libxenstoreConnector } from '../xenstore-transport.ts';
import {
  LIBXENSTORE_LEFT_OUT,
  LIBXENSTORE_ON_OXENSTORED_LEFT_OUT,
  REAL_OXENSTORED_DIFFERENCES,
  REAL_OXENSTORED_LEFT_OUT,
  REAL_XENSTORED_LEFT_OUT,
  withLeftOut,
  XENBUS_DIFFERENCES,
  XENBUS_LEFT_OUT,
  XENBUS_ON_OXENSTORED_LEFT_OUT,
} from './store-transports.ts';

const isOxenstored = process.env['STORE_DAEMON'] !== 'xenstored';
const transport = process.env['STORE_TRANSPORT'] ?? 'socket';
const isXenbus = transport === 'xenbus' || process.env['XENSTORED_PATH'] === '/dev/xen/xenbus';

/** Folders in which cases make nodes. */
const FOLDERS = ['/', '/tool', '/local/domain', '/local/domain/0'];

/** What a real Xen cannot be asked for. */
class NotHere extends Error {}

/** The cases in their order, and why one is left out. */
const cases: {
  readonly name: string;
  readonly body: () => Promise<void>;
  readonly reason?: string;
}[] = [];
const suiteTest: SuiteTest = Object.assign(
  (name: string, body: () => Promise<void>) => cases.push({ name, body }),
  {
    skip: (title: string, body: () => Promise<void>) => {
      const [, name = title, reason = ''] = /^(.*) \((.*)\)$/s.exec(title) ?? [];
      return cases.push({ name, body, reason });
    },
  },
);

function connector(): Connector {
  if (transport === 'libxenstore') return libxenstoreConnector();
  return transport === 'xenbus' ? xenbusConnector() : socketConnector(DEFAULT_SOCKET_PATH);
}

interface Folder {
  readonly path: string;
  readonly value: Uint8Array;
  readonly permissions: Permissions;
  readonly names: readonly string[];
}

/** What the folders have now; all is asked at once. */
function lookAt(store: XenStore): Promise<readonly Folder[]> {
  return Promise.all(
    FOLDERS.map(async (path) => {
      const [value, permissions, names] = await Promise.all([
        store.readBytes(path),
        store.getPermissions(path),
        store.directory(path),
      ]);
      return { path, value, permissions, names };
    }),
  );
}

/** Takes down what the folders have now; gives what puts them back so. */
async function rememberTree(store: XenStore): Promise<() => Promise<void>> {
  const before = await lookAt(store);
  return async () => {
    const now = await lookAt(store);
    const changes = before.flatMap((was, index) => {
      const is = now[index];
      if (is === undefined || isDeepStrictEqual(is, was)) return [];
      const { path, value, permissions, names } = was;
      return [
        ...is.names
          .filter((name) => !names.includes(name))
          .map((name) => store.rm(path === '/' ? `/${name}` : `${path}/${name}`)),
        store.write(path, value),
        store.setPermissions(path, permissions),
      ];
    });
    await Promise.all(changes);
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
  traits: withLeftOut(
    isOxenstored ? OXENSTORED_TRAITS : XENSTORED_TRAITS,
    [
      ...(transport === 'libxenstore' ? library : []),
      ...(isXenbus ? XENBUS_LEFT_OUT : []),
      ...(isXenbus && isOxenstored ? XENBUS_ON_OXENSTORED_LEFT_OUT : []),
      ...(isOxenstored ? REAL_OXENSTORED_LEFT_OUT : REAL_XENSTORED_LEFT_OUT),
    ],
    {
      ...(isOxenstored ? REAL_OXENSTORED_DIFFERENCES : {}),
      ...(isXenbus ? XENBUS_DIFFERENCES : {}),
    },
  ),
});

const counts = { passed: 0, 'left out': 0, failed: 0 };
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs a case and says what became of it. */
async function runCase({ name, body, reason }: (typeof cases)[number]): Promise<void> {
  const leaveOut = (why: string): void => {
    counts['left out'] += 1;
    print(`left out: ${name} (${why})`);
  };
  if (reason !== undefined) {
    leaveOut(reason);
    return;
  }
  const beginMs = systemClock.nowMs();
  try {
    await body();
    counts.passed += 1;
    print(`passed: ${name} (${systemClock.nowMs() - beginMs} ms)`);
  } catch (error) {
    if (error instanceof NotHere) {
      leaveOut(error.message);
      return;
    }
    counts.failed += 1;
    print(`FAILED: ${name}\n${inspect(error)}`);
  }
}

for (const one of cases) await runCase(one);
await restore();
await keeper[Symbol.asyncDispose]();
print(
  Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', '),
);
process.exitCode = counts.failed === 0 ? 0 : 1;
