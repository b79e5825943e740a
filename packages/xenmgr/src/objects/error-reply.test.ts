import { describe, expect, test } from '@jest/globals';
import { ConfigError, XenopsError } from '@xenops/core/errors';
import { DatabaseError } from '../errors.ts';
import { MANAGER_ERRORS, ManagerError, managerReply } from '../manager/manager-error.ts';
import { errorReply } from './error-reply.ts';

const PREFIX = 'com.citrix.xenclient.xenmgr.Error.';

describe('an error on the bus', () => {
  test('of the manager has a name for its code and its number in the text', () => {
    const names = Object.entries(MANAGER_ERRORS).map(([code, number]) => {
      const reply = managerReply(
        new ManagerError(code as keyof typeof MANAGER_ERRORS, { message: 'why' }),
      );
      expect(reply.message).toBe(`${String(number)}:why`);
      expect(reply.errorName).toMatch(/^com\.citrix\.xenclient\.xenmgr\.Error\.[A-Z][A-Za-z0-9]*$/);
      return reply.errorName;
    });
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(Object.values(MANAGER_ERRORS)).size).toBe(names.length);
  });

  test.each([
    [new DatabaseError('DB_DISK_FULL', { message: 'full' }), 'NoSpace', '304:full'],
    [new DatabaseError('DB_BAD_PATH', { message: 'bad' }), 'BadValue', '300:bad'],
    [new DatabaseError('DB_CLOSED', { message: 'closed' }), 'Io', '223:closed'],
    [new ConfigError('CONFIG_BAD_VALUE', { message: 'bad' }), 'BadValue', '300:bad'],
    [new XenopsError('TIMEOUT', { message: 'late' }), 'Timeout', '303:late'],
    [new XenopsError('DEVICE_REFUSED', { message: 'no' }), 'Io', '223:no'],
  ])('%s is %s', (error, name, message) => {
    expect(errorReply(error)).toMatchObject({ errorName: `${PREFIX}${name}`, message });
  });

  test('that nobody expects is left to the bus, which hides it', () => {
    expect(errorReply(new TypeError('a secret'))).toBeUndefined();
  });
});
