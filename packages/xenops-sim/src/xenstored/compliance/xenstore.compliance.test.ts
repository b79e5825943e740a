/** One suite, four servers: both daemons of Xen and both ways into the embedded one. */
import { describe, expect, jest, test } from '@jest/globals';
import {
  EMBEDDED_TRAITS,
  OXENSTORED_TRAITS,
  XENSTORE_CASES,
  XENSTORED_TRAITS,
  xenStoreSuite,
} from '@xenops/core/compliance';
import { openInProcess, openOnSocket } from './embedded-host.test-helper.ts';
import { OracleHost, type OracleKind } from './oracle-host.test-helper.ts';
import { findOracleTools, testWith, valueOf } from './oracle-tools.test-helper.ts';

const tools = await findOracleTools();
// Filling a quota takes thousands of requests, and the machine may be busy.
jest.setTimeout(60_000);
const here = testWith({ kind: 'there', value: undefined });
const withOracle = testWith(tools);
const start = (kind: OracleKind) => (): Promise<OracleHost> =>
  OracleHost.start(kind, valueOf(tools));

test('case names are different, and what is left out exists', () => {
  const names = XENSTORE_CASES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const leftOut = [...XENSTORED_TRAITS.leftOut, ...OXENSTORED_TRAITS.leftOut];
  expect(leftOut.filter(([pattern]) => !names.some((name) => pattern.test(name)))).toEqual([]);
});

describe('the C xenstored', () => {
  xenStoreSuite({ test: withOracle, open: start('xenstored'), traits: XENSTORED_TRAITS });
});

describe('oxenstored', () => {
  xenStoreSuite({ test: withOracle, open: start('oxenstored'), traits: OXENSTORED_TRAITS });
});

describe('the embedded xenstored on its socket', () => {
  xenStoreSuite({ test: here, open: openOnSocket, traits: EMBEDDED_TRAITS });
});

describe('the embedded xenstored in this process', () => {
  xenStoreSuite({ test: here, open: openInProcess, traits: EMBEDDED_TRAITS });
});
