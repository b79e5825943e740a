import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseChangedPath } from './parse-path.ts';

describe('a changed path', () => {
  test.each([
    [
      '/local/domain/0/backend/vbd/7/51712/state',
      {
        kind: 'device-node',
        node: 'state',
        device: { domid: 7, end: 'backend', deviceKind: 'vbd', devid: 51712, backend: 0 },
      },
    ],
    [
      '/local/domain/3/backend/vif/7/0/hotplug-status',
      {
        kind: 'device-node',
        node: 'hotplug-status',
        device: { domid: 7, end: 'backend', deviceKind: 'vif', devid: 0, backend: 3 },
      },
    ],
    [
      '/local/domain/7/device/vif/0/state',
      {
        kind: 'device-node',
        node: 'state',
        device: { domid: 7, end: 'frontend', deviceKind: 'vif', devid: 0 },
      },
    ],
    [
      '/local/domain/7/device/vif/0',
      {
        kind: 'device-node',
        node: 'gone',
        device: { domid: 7, end: 'frontend', deviceKind: 'vif', devid: 0 },
      },
    ],
    [
      '/local/domain/7/error/device/vbd/51712/error',
      {
        kind: 'device-error',
        device: { domid: 7, end: 'frontend', deviceKind: 'vbd', devid: 51712 },
      },
    ],
    [
      '/vm/00112233-4455-6677-8899-aabbccddeeff/rtc/timeoffset',
      { kind: 'rtc', uuid: '00112233-4455-6677-8899-aabbccddeeff' },
    ],
    ['/local/domain/7/data/updated', { kind: 'domain-node', domid: 7, node: 'data/updated' }],
    ['/local/domain/0/backend/vbd/7/51712/sectors', undefined],
    ['/local/domain/99999/device/vif/0/state', undefined],
    ['/vm/zzz/rtc/timeoffset', undefined],
    ['/local/domain/7', undefined],
  ])('%s is told apart', (path, expected) => {
    expect(parseChangedPath(path)).toEqual(expected);
  });

  test('that a guest made up never throws', () => {
    fc.assert(fc.property(fc.string(), (name) => void parseChangedPath(`/local/domain/7/${name}`)));
  });
});
