import { describe, expect, test } from '@jest/globals';
import {
  AbortedError,
  ConfigError,
  ConnectError,
  DomainError,
  HypervisorError,
  TimeoutError,
} from '@xenops/core/errors';
import { EXIT, EXIT_STATUS, exitStatus } from './exit-status.ts';

const details = { message: 'A test' };

test.each([
  ['a failure', new HypervisorError('HYPERVISOR_CALL_FAILED', details), 1],
  ['an address that makes no sense', new ConnectError('CONNECT_BAD_URI', details), 2],
  ['no host', new ConnectError('CONNECT_NO_HOST', details), 1],
  ['a wrong value', new ConfigError('CONFIG_BAD_VALUE', details), 3],
  ['a time-out', new TimeoutError(details), 4],
  ['a domain that is not there', new DomainError('DOMAIN_NOT_FOUND', details), 5],
  ['a domid that Xen does not know', new HypervisorError('HYPERVISOR_NO_DOMAIN', details), 5],
  ['an interruption', new AbortedError(details), 130],
])('%s has its own status', (_what, error, status) => expect(exitStatus(error)).toBe(status));

test.each([
  ['an error without a code', new Error('odd')],
  ['an error with a code of somebody else', Object.assign(new Error('odd'), { code: 'ENOENT' })],
  ['an error whose code is no text', Object.assign(new Error('odd'), { code: 5 })],
  ['text', 'TIMEOUT'],
  ['nothing', undefined],
  ['a plain object', { code: 'TIMEOUT' }],
])('%s counts as a failure', (_what, thrown) => expect(exitStatus(thrown)).toBe(EXIT.failed));

test.each(['constructor', 'toString', '__proto__'])(
  'the code %s, which every object has, counts as a failure',
  (code) => expect(exitStatus(Object.assign(new Error('odd'), { code }))).toBe(EXIT.failed),
);

describe('the table', () => {
  test('gives success to no error, and only statuses that are explained', () => {
    const known: readonly number[] = Object.values(EXIT).filter((status) => status !== EXIT.done);
    for (const status of Object.values(EXIT_STATUS)) expect(known).toContain(status);
  });
});
