import { describe, expect, test } from '@jest/globals';
import {
  AbortedError,
  DomainError,
  hasCode,
  TimeoutError,
  XenopsError,
  XenStoreError,
} from './errors.ts';

describe('hasCode', () => {
  const error = new XenStoreError('XENSTORE_NO_ENTRY', { message: 'No node' });

  test('tells whether the error has one of the codes', () => {
    expect(hasCode(error, 'XENSTORE_NO_ENTRY')).toBe(true);
    expect(hasCode(error, 'TIMEOUT', 'XENSTORE_NO_ENTRY')).toBe(true);
    expect(hasCode(error, 'TIMEOUT', 'ABORTED')).toBe(false);
    expect(hasCode(error)).toBe(false);
  });

  test('goes by the code and not by the class, so that it works across packages', () => {
    const alike = Object.assign(new Error('from elsewhere'), { code: 'TIMEOUT' });
    expect(hasCode(alike, 'TIMEOUT')).toBe(true);
  });

  test.each([
    undefined,
    null,
    'TIMEOUT',
    { code: 'TIMEOUT' },
    new Error('TIMEOUT'),
    Object.assign(new Error('odd'), { code: 1 }),
  ])('is false for %p', (thrown) => {
    expect(hasCode(thrown, 'TIMEOUT')).toBe(false);
  });
});

describe('an error of the toolstack', () => {
  test('carries code, context and cause beside its own sentence', () => {
    const cause = new Error('below');
    const context = { domid: 7, neededKib: 1024, frame: 5n };
    const error = new DomainError('DOMAIN_NO_MEMORY', { message: 'Too little', context, cause });
    expect(error).toBeInstanceOf(XenopsError);
    expect(error).toMatchObject({ name: 'DomainError', code: 'DOMAIN_NO_MEMORY', context, cause });
    expect(error.message).toBe('Too little');
  });

  test('has an empty context and no cause at all unless they are given', () => {
    const error = new DomainError('DOMAIN_NOT_FOUND', { message: 'None' });
    expect(error.context).toEqual({});
    expect('cause' in error).toBe(false);
  });

  test('time-outs and aborts have the one code of their class', () => {
    expect(new TimeoutError({ message: 'late' }).code).toBe('TIMEOUT');
    expect(new AbortedError({ message: 'stopped' }).code).toBe('ABORTED');
  });
});
