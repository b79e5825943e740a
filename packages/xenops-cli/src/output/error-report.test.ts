import { describe, expect, test } from '@jest/globals';
import { DomainError, HypervisorError } from '@xenops/core/errors';
import { errorDetails, errorJson, errorLines } from './error-report.ts';

const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
const HOSTILE = 'a\x1b[2J\x07\rb\x9b31m\u202e\u2066\0c';

describe('errorLines', () => {
  test('say what failed, then each reason below it, then what the library logged', () => {
    const below = new HypervisorError('HYPERVISOR_CALL_FAILED', {
      message: 'xc_domain_create failed',
      cause: new Error('EIO'),
    });
    const error = new DomainError('DOMAIN_NO_MEMORY', {
      message: 'Cannot make the domain',
      context: { log: 'first\nsecond' },
      cause: below,
    });
    expect(errorLines(error)).toEqual([
      'xenops: Cannot make the domain',
      '  because: xc_domain_create failed',
      '    because: EIO',
      '  libxc: first',
      '  libxc: second',
    ]);
  });

  test('make control characters visible in message, cause and log, and stay single lines', () => {
    const error = new DomainError('DOMAIN_NOT_FOUND', {
      message: `${HOSTILE}\nforged: line`,
      context: { log: HOSTILE },
      cause: new Error(HOSTILE),
    });
    const lines = errorLines(error);
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).not.toMatch(CONTROL);
      expect(line).not.toContain('\n');
    }
    expect(lines[0]).toBe(
      'xenops: a\\u001b[2J\\u0007\\u000db\\u009b31m\\u202e\\u2066\\u0000c\\u000aforged: line',
    );
  });

  test('leave letters of any language as they are', () => {
    expect(errorLines(new Error('Gr\u00fc\u00dfe \u4e16\u754c'))).toEqual([
      'xenops: Gr\u00fc\u00dfe \u4e16\u754c',
    ]);
  });

  test('name every part of an AggregateError', () => {
    const error = new DomainError('DOMAIN_LEFTOVERS', {
      message: 'Not all is gone',
      cause: new AggregateError([new Error('one'), new Error('two')]),
    });
    expect(errorLines(error)).toEqual([
      'xenops: Not all is gone',
      '  because: one',
      '  because: two',
    ]);
  });

  test('name the reasons of the parts of an AggregateError', () => {
    const part = new Error('Undoing failed: domain 7', { cause: new Error('EBUSY') });
    const lines = errorLines(new AggregateError([part], 'Not everything could be undone'));
    expect(lines.join('\n')).toContain('EBUSY');
  });

  test('are cut when causes go in a circle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(errorLines(error).length).toBeLessThanOrEqual(9);
  });

  test.each([
    ['text', 'just text', 'xenops: just text'],
    ['undefined', undefined, 'xenops: undefined'],
    ['a number', 5, 'xenops: 5'],
  ])('report %s that was thrown', (_what, thrown, line) => {
    expect(errorLines(thrown)).toEqual([line]);
  });
});

describe('errorJson', () => {
  test('has code, message, context and cause on one line', () => {
    const error = new DomainError('DOMAIN_NO_MEMORY', {
      message: 'Too little\nmemory',
      context: { domid: 7, neededKib: 1024 },
      cause: new HypervisorError('HYPERVISOR_NO_MEMORY', { message: 'ENOMEM' }),
    });
    const text = errorJson(error);
    expect(text).not.toContain('\n');
    expect(JSON.parse(text)).toEqual({
      error: {
        code: 'DOMAIN_NO_MEMORY',
        message: 'Too little\nmemory',
        context: { domid: 7, neededKib: 1024 },
        causes: [{ code: 'HYPERVISOR_NO_MEMORY', message: 'ENOMEM', context: {} }],
      },
    });
  });

  test('writes a bigint as decimal text', () => {
    const context = { frame: 0xffff_ffff_ffff_ffffn };
    const error = new DomainError('DOMAIN_NOT_FOUND', { message: 'None', context });
    expect(JSON.parse(errorJson(error))).toMatchObject({
      error: { context: { frame: '18446744073709551615' } },
    });
  });

  test('has no raw C0 control character, whatever is in the texts', () => {
    const context = { path: HOSTILE };
    const error = new DomainError('DOMAIN_NOT_FOUND', { message: HOSTILE, context });
    expect(errorJson(error)).not.toMatch(/[\0-\u001f]/);
  });

  test('of what is no error of ours has the code UNEXPECTED', () => {
    expect(JSON.parse(errorJson('text'))).toEqual({
      error: { code: 'UNEXPECTED', message: 'text', context: {} },
    });
  });

  test('is cut when causes go in a circle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(errorJson(error).length).toBeLessThan(2000);
  });
});

describe('errorDetails', () => {
  test('has what the lines leave out', () => {
    const context = { path: '/local/domain/7', frame: 5n };
    const error = new DomainError('DOMAIN_NOT_FOUND', {
      message: 'None',
      context,
      cause: new Error('below'),
    });
    const details = errorDetails(error);
    for (const part of [
      'DOMAIN_NOT_FOUND',
      '/local/domain/7',
      '5n',
      'below',
      'error-report.test',
    ]) {
      expect(details).toContain(part);
    }
  });

  test('makes control characters visible too', () => {
    expect(errorDetails(new Error(HOSTILE))).not.toMatch(CONTROL);
  });
});
