import { constants } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { HypervisorError } from '@xenops/core/errors';
import { failCall, fakeAddon } from './fake-addon.test-helper.ts';
import { isAvailable, openXen, type AddonSource } from './load-addon.ts';

const { errno } = constants;

function sourceOf(addon: unknown): AddonSource {
  return { exists: () => true, load: () => addon };
}

const XC = {};
const VERSION = { major: 4, minor: 17 };
const working = {
  openInterface: () => XC,
  closeInterface: () => undefined,
  version: () => VERSION,
  findDomain: () => true,
};

describe('what is missing is told with what to do about it', () => {
  test('an addon that is not built', () => {
    const source = { exists: () => false, load: () => undefined };
    const found = isAvailable(source);
    expect(found).toMatchObject({ available: false, missing: 'addon' });
    expect(found).toHaveProperty('remedy', expect.stringContaining('libxen-dev'));
    expect(found).toHaveProperty('remedy', expect.stringContaining('npx xenops-native-build'));
  });
  test('an addon of another version of the package', () => {
    expect(isAvailable(sourceOf({ openInterface: () => XC }))).toMatchObject({ missing: 'addon' });
    expect(isAvailable(sourceOf(null))).toMatchObject({ missing: 'addon' });
  });
  test("a library that is not there, by the loader's own words", () => {
    const words = 'libxenctrl.so.4.20: cannot open shared object file: No such file or directory';
    const load = (): never => {
      throw new Error(words);
    };
    const found = isAvailable({ exists: () => true, load });
    expect(found).toMatchObject({ missing: 'library' });
    expect(found).toHaveProperty('reason', expect.stringContaining(words));
  });
  test.each([
    ['no device of Xen', errno.ENOENT, 'xen'],
    ['a device without a hypervisor behind it', errno.ENODEV, 'xen'],
    ['no right to open the device', errno.EACCES, 'permission'],
  ])('%s', (_, number, missing) => {
    const openInterface = (): never => failCall({ call: 'xc_interface_open', errno: number });
    expect(isAvailable(sourceOf(fakeAddon({ openInterface })))).toMatchObject({ missing });
  });
  test.each([
    ['a hypervisor of another release', errno.EACCES, 'release'],
    ['a domain without privileges', errno.EPERM, 'permission'],
    ['a hypervisor that fails', errno.EIO, 'xen'],
  ])('%s', (_, number, missing) => {
    const findDomain = (): never => failCall({ errno: number });
    const closed: unknown[] = [];
    const closeInterface = (xc: unknown): number => closed.push(xc);
    const addon = fakeAddon({ ...working, findDomain, closeInterface });
    expect(isAvailable(sourceOf(addon))).toMatchObject({ missing });
    expect(closed).toEqual([XC]);
  });
});

test('opening without Xen fails with HYPERVISOR_UNAVAILABLE that says the same', () => {
  const open = (): unknown => openXen({ exists: () => false, load: () => undefined });
  expect(open).toThrow(HypervisorError);
  expect(open).toThrow(
    expect.objectContaining({
      code: 'HYPERVISOR_UNAVAILABLE',
      context: { missing: 'addon' },
    }),
  );
});

test('with everything there, the version is told and the connection of the check is closed', () => {
  const closed: unknown[] = [];
  const closeInterface = (xc: unknown): number => closed.push(xc);
  const source = sourceOf(fakeAddon({ ...working, closeInterface }));
  expect(isAvailable(source)).toEqual({ available: true, version: VERSION });
  expect(closed).toEqual([XC]);
  expect(openXen(source)).toMatchObject({ xc: XC, version: VERSION });
});

test('an error that is no failure of a call is not taken for something missing', () => {
  const bug = new TypeError('takes 0 arguments');
  const openInterface = (): never => {
    throw bug;
  };
  const source = sourceOf(fakeAddon({ openInterface }));
  expect(() => isAvailable(source)).toThrow(bug);
});
