/** libxenstore as a transport, on both daemons of Xen: the cases of the suite that a library between allows. */
import { afterAll, beforeAll, describe, jest, test } from '@jest/globals';
import {
  OracleHost,
  OXENSTORED_TRAITS,
  prepareOracleTools,
  XENSTORED_TRAITS,
  xenStoreSuite,
  type OracleKind,
  type StoreHost,
  type SuiteTest,
} from '@xenops/core/compliance';
import { WireClient } from '@xenops/core/xenstore';
import { StoreName } from './libxenstore.test-helper.ts';
import {
  LIBXENSTORE_LEFT_OUT,
  LIBXENSTORE_ON_OXENSTORED_LEFT_OUT,
  withLeftOut,
} from './lab/store-transports.ts';
import { BUILT_ADDON } from './load-addon.ts';
import { libxenstoreConnector } from './xenstore-transport.ts';

// Filling a quota takes thousands of requests, and the machine may be busy.
jest.setTimeout(60_000);

const tools = prepareOracleTools();
const missing = await findMissing();
let name: StoreName;

beforeAll(async () => {
  name = await StoreName.open();
});
afterAll(() => name[Symbol.asyncDispose]());

async function findMissing(): Promise<string | undefined> {
  if (!BUILT_ADDON.exists()) return 'the addon is not built: npx xenops-native-build';
  return tools.then(
    () => undefined,
    (error: unknown) => `the daemons of Xen cannot be had here: ${String(error).split('\n')[0]}`,
  );
}

/** Without what the suite needs it is left out, with the reason; where everything must run, it fails. */
const suiteTest: SuiteTest = Object.assign(
  (title: string, body: () => Promise<void>) =>
    missing === undefined || process.env['XENOPS_TEST_ALL'] === '1'
      ? test(title, body)
      : test.skip(`${title} (${missing})`, body),
  { skip: (title: string, body: () => Promise<void>) => test.skip(title, body) },
);

/** A fresh daemon whose privileged connections go through libxenstore. */
async function open(kind: OracleKind): Promise<StoreHost> {
  const oracle = await OracleHost.start(kind, await tools);
  await name.lead(oracle.socketPath);
  const dom0 = libxenstoreConnector();
  return {
    dom0,
    guest: (domid) => oracle.guest(domid),
    openStore: async () => new WireClient(dom0),
    setDomain: (domid, state) => oracle.setDomain(domid, state),
    [Symbol.asyncDispose]: () => oracle[Symbol.asyncDispose](),
  };
}

describe('libxenstore on the C xenstored', () => {
  xenStoreSuite({
    test: suiteTest,
    open: () => open('xenstored'),
    traits: withLeftOut(XENSTORED_TRAITS, LIBXENSTORE_LEFT_OUT),
  });
});

describe('libxenstore on oxenstored', () => {
  xenStoreSuite({
    test: suiteTest,
    open: () => open('oxenstored'),
    traits: withLeftOut(OXENSTORED_TRAITS, LIBXENSTORE_ON_OXENSTORED_LEFT_OUT),
  });
});
