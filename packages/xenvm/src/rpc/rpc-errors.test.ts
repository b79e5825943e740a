import { describe, expect, test } from '@jest/globals';
import {
  AbortedError,
  ConfigError,
  DomainError,
  StreamError,
  TimeoutError,
} from '@xenops/core/errors';
import { VmError, type VmErrorCode } from '../life/vm-error.ts';
import { RequestError, RPC_CODE, rpcErrorBody, sentenceOf } from './rpc-errors.ts';

const vm = (code: VmErrorCode): VmError => new VmError(code, { message: 'Said why' });

describe('the number of an error', () => {
  test.each([
    ['TASK_UNKNOWN', -32_601],
    ['TASK_ARGUMENT_MISSING', -32_602],
    ['TASK_ARGUMENT_INVALID', -32_602],
    ['VM_WRONG_STATE', -32_001],
    ['VM_ALREADY_CREATED', -32_001],
    ['VM_OVERTAKEN', -32_002],
    ['VM_CLOSING', -32_002],
    ['VM_BUSY', -32_004],
    ['VM_NO_MEMORY', -32_000],
    ['VM_NOT_LISTENING', -32_000],
    ['VM_WRONG_END', -32_000],
    ['VM_DID_NOT_SHUT_DOWN', -32_000],
    ['VM_NEEDS_CAPABILITY', -32_000],
    ['VM_NOT_SUPPORTED', -32_000],
    ['VM_CONFIG_INCOMPLETE', -32_000],
    ['VM_NO_DEVICE', -32_000],
  ] as const)('%s is %i, and its name is in the data', (code, number) => {
    expect(rpcErrorBody(vm(code))).toMatchObject({ code: number, data: { name: code } });
  });

  test.each([
    [new AbortedError({ message: 'Stopped' }), -32_002],
    [new TimeoutError({ message: 'Too late' }), -32_003],
    [new ConfigError('CONFIG_BAD_VALUE', { message: 'No' }), -32_602],
    [new DomainError('DOMAIN_WRONG_STATE', { message: 'No' }), -32_001],
    [new DomainError('DOMAIN_LEFTOVERS', { message: 'No' }), -32_000],
    [new StreamError('STREAM_IO', { message: 'No' }), -32_000],
  ])('of the core: %s', (error, number) => {
    expect(rpcErrorBody(error).code).toBe(number);
  });

  test('of a request that cannot be run is its own', () => {
    const error = new RequestError(RPC_CODE.parseError, 'No JSON');
    expect(rpcErrorBody(error)).toEqual({ code: -32_700, message: 'No JSON' });
  });

  test('without a code is that of a fault of ours, and nothing of its text goes out', () => {
    const body = rpcErrorBody(new Error('secret internals'));
    expect(body).toEqual({ code: -32_603, message: 'The task ended in an unexpected error' });
  });
});

test('what led to an error is told with it, as far as it is plain', () => {
  const cause = new TimeoutError({ message: 'Waited in vain' });
  const error = new VmError('VM_NOT_LISTENING', {
    message: 'The guest did not react',
    context: { request: 'halt', domid: 3, frame: 2n ** 60n },
    cause,
  });
  expect(rpcErrorBody(error).data).toEqual({
    name: 'VM_NOT_LISTENING',
    context: { request: 'halt', domid: 3, frame: String(2n ** 60n) },
    causes: ['Waited in vain'],
  });
  expect(sentenceOf(error)).toBe('The guest did not react: Waited in vain');
});
