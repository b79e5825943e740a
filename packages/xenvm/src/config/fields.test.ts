import { describe, expect, test } from '@jest/globals';
import { vmUuid } from '@xenops/core/ids';
import { defaultConfig } from './config-keys.ts';
import { getField, setField } from './fields.ts';
import { resolveNics } from './nics.ts';
import { parseConfig } from './parse-config.ts';

const BASE = { ...defaultConfig({ hasFile: true }), kernelPath: '/k', memoryKib: 65_536 };

describe('get and set', () => {
  test('have memory in KiB where the file has MiB', () => {
    expect(getField(BASE, 'memory')).toBe('65536');
    expect(setField(BASE, 'memory', '70000').memoryKib).toBe(70_000);
  });

  test.each([
    ['hvm', 'false'],
    ['name', ''],
    ['display', 'vnc:port=0,keymap=en-us'],
    ['hpet', ''],
    ['notify', ''],
    ['disk', ''],
    ['startup', 'started'],
  ])('%s reads as "%s" by default', (name, text) => {
    expect(getField(BASE, name)).toBe(text);
  });

  test('a notification target is read with its host', () => {
    expect(getField(setField(BASE, 'notify', 'tcp,10.0.0.1:77'), 'notify')).toBe('tcp,10.0.0.1:77');
  });

  test('a list is read and set as lines', () => {
    const two = setField(BASE, 'disk', '/a:phy:xvda:w:disk:\n/b:phy:xvdb:r:disk:none');
    expect(two.disks).toHaveLength(2);
    expect(getField(two, 'disk')).toBe('/a:phy:xvda:w:disk:none\n/b:phy:xvdb:r:disk:none');
    expect(setField(two, 'disk', '').disks).toEqual([]);
  });

  test.each([
    ['a name that is none', 'vcpu', '2', 'vcpus'],
    ['a bad value', 'vcpus', 'two', 'whole number'],
    ['a value that does not go with another', 'memory-max', '1024', 'less than'],
  ])('refuse %s', (_what, name, text, told) => {
    expect(() => setField(BASE, name, text)).toThrow(
      expect.objectContaining({ code: 'CONFIG_BAD_VALUE', message: expect.stringContaining(told) }),
    );
  });
});

describe('what a start needs', () => {
  test.each([
    ['an HVM guest of 1024 MiB and 2 vcpus', 'hvm=true\nmemory=1024\nvcpus=2', 1_060_864],
    ['a PV guest of 64 MiB', 'memory=64', 67 * 1024],
    [
      'the same with a stub domain',
      'hvm=true\nmemory=1024\nvcpus=2\nstubdom=00000000-0000-0000-0000-000000000009',
      1_060_864 + 131 * 1024,
    ],
    ['nothing', '', 0],
  ])('%s', (_what, text, kib) => {
    expect(getField(parseConfig(text).config, 'required-to-boot-kib')).toBe(String(kib));
  });
});

describe('network interfaces', () => {
  const nicsOf = (uuid: string, ...lines: readonly string[]) =>
    resolveNics(parseConfig(lines.map((line) => `nic=${line}\n`).join('')).config.nics, {
      uuid: vmUuid(uuid),
      randomMac: () => '00:16:3e:00:00:01',
    });

  test.each([
    ['00000000-0000-0000-0000-000000000001', 'id=0', '4e:1c:b4:98:ed:0a'],
    ['00000000-0000-0000-0000-000000000001', 'id=1', 'f2:48:68:4f:d0:81'],
    ['00000000-0000-0000-0000-000000000001', 'id=0,model=e1000', 'd6:5c:04:f4:0a:8d'],
    ['11111111-2222-3333-4444-555555555555', 'id=0', 'a2:5c:2e:58:24:12'],
  ])('the one of VM %s with %s keeps its address', (uuid, line, mac) => {
    expect(nicsOf(uuid, line)[0]?.mac).toBe(mac);
  });

  test('get the lowest free numbers in the order of the file', () => {
    const nics = nicsOf(
      '00000000-0000-0000-0000-000000000001',
      'bridge=a',
      'id=0,bridge=b',
      'bridge=c',
      'mac=random,bridge=d',
    );
    expect(nics.map(({ devid, bridge }) => `${devid}${bridge}`)).toEqual(['0b', '1a', '2c', '3d']);
    expect(nics[3]?.mac).toBe('00:16:3e:00:00:01');
  });
});
