import { describe, expect, test } from '@jest/globals';
import { findPciAddress } from '../hypervisor/pci-address.ts';
import { DOM0, domid, vmUuid } from '../ids.ts';
import { findLeftovers } from './find-leftovers.ts';
import { modelDomid, parseStartTicks } from './inspect-processes.ts';
import type { Inspection } from './inspection.ts';

const UUID = vmUuid('00112233-4455-6677-8899-aabbccddeeff');
const OTHER = vmUuid('ffffffff-4455-6677-8899-aabbccddeeff');
const ZERO = vmUuid('00000000-0000-0000-0000-000000000000');
const [LIVE, DEAD] = [domid(5), domid(7)];

const seen = (changes: Partial<Inspection> = {}): Inspection => ({
  domains: [
    { domid: DOM0, uuid: ZERO, dying: false },
    { domid: LIVE, uuid: UUID, dying: false },
  ],
  domainNodes: [DOM0, LIVE],
  vmNodes: [ZERO, UUID],
  records: [DOM0, LIVE],
  devices: [],
  backends: [{ backend: DOM0, backendKind: 'vbd', frontend: LIVE }],
  deviceModelNodes: [LIVE],
  deviceModels: [{ domid: LIVE, process: { pid: 10, startTicks: '1' } }],
  loops: [],
  recordedLoops: [],
  pciOwners: [],
  deadBuilds: [],
  domainFiles: [{ filePath: '/run/xen/qmp-libxl-5', domid: LIVE }],
  drafts: [],
  ...changes,
});

describe('what belongs to nobody', () => {
  test('is nothing on a host in order', () => {
    expect(findLeftovers(seen())).toEqual([]);
  });

  test('is everything of a dead domain, in the order of its release', () => {
    const address = {
      frontend: DEAD,
      kind: 'vbd',
      devid: 51712,
      backend: DOM0,
      backendKind: 'vbd',
    };
    const pci = findPciAddress('03:00.0')!;
    const found = findLeftovers(
      seen({
        domainNodes: [DOM0, LIVE, DEAD],
        vmNodes: [UUID, OTHER],
        records: [LIVE, DEAD],
        devices: [address],
        backends: [{ backend: LIVE, backendKind: 'vif', frontend: DEAD }],
        deviceModelNodes: [DEAD],
        deviceModels: [{ domid: DEAD, process: { pid: 11, startTicks: '2' } }],
        pciOwners: [{ address: pci, domid: DEAD }],
        deadBuilds: [DEAD],
        domainFiles: [{ filePath: '/var/lib/xen/userdata', domid: LIVE, uuid: OTHER }],
        drafts: ['/images/web.123.part'],
      }),
    );
    expect(found).toEqual([
      { kind: 'build-mark', domid: DEAD },
      { kind: 'device-model', domid: DEAD, process: { pid: 11, startTicks: '2' } },
      { kind: 'device', domid: DEAD, address },
      { kind: 'pci-device', domid: DEAD, address: pci },
      { kind: 'backend', domid: DEAD, backend: LIVE, backendKind: 'vif' },
      { kind: 'device-model-nodes', domid: DEAD },
      { kind: 'record', domid: DEAD },
      { kind: 'domain-nodes', domid: DEAD },
      { kind: 'vm-nodes', uuid: OTHER },
      { kind: 'file', filePath: '/var/lib/xen/userdata' },
      { kind: 'file', filePath: '/images/web.123.part' },
    ]);
  });

  test('is a domain that is dying, and not yet what is its own', () => {
    const domains = [{ domid: DEAD, uuid: OTHER, dying: true }];
    expect(
      findLeftovers(
        seen({
          domains: [...seen().domains, ...domains],
          domainNodes: [DEAD],
          vmNodes: [OTHER],
          records: [DEAD],
        }),
      ),
    ).toEqual([{ kind: 'zombie', domid: DEAD, uuid: OTHER }]);
  });
});

describe('a loop device of a dead domain', () => {
  const loop = { devicePath: '/dev/loop3', major: 7, minor: 3 };
  const record = { domid: DEAD, devicePath: '/dev/loop3', filePath: '/images/a' };
  const kinds = (changes: Partial<Inspection>) =>
    findLeftovers(seen(changes)).map(({ kind }) => kind);

  test.each([['/images/a'], ['/images/a (deleted)']])('with %s behind it is found', (filePath) => {
    const found = findLeftovers(seen({ loops: [{ ...loop, filePath }], recordedLoops: [record] }));
    expect(found).toEqual([
      { kind: 'loop-device', domid: DEAD, devicePath: '/dev/loop3', filePath },
    ]);
  });

  test('is found once, though two records name it', () => {
    const loops = [{ ...loop, filePath: '/images/a' }];
    expect(kinds({ loops, recordedLoops: [record, record] })).toEqual(['loop-device']);
  });

  test.each([
    ['has another file by now', { loops: [{ ...loop, filePath: '/images/b' }] }],
    ['is free', { loops: [] }],
    ['has a file that nobody wrote down', { recordedLoops: [{ ...record, filePath: undefined }] }],
    [
      'is in use by a living domain',
      { recordedLoops: [record, { ...record, domid: LIVE, filePath: '/images/b' }] },
    ],
  ])('is left alone when it %s', (_, changes: Partial<Inspection>) => {
    const loops = [{ ...loop, filePath: '/images/a' }];
    expect(kinds({ loops, recordedLoops: [record], ...changes })).toEqual([]);
  });
});

describe('a device model is told', () => {
  test.each([
    ['/usr/libexec/xen-qemu-system-i386\0-xen-domid\x0012\0-name\0web\0', 12],
    ['/usr/bin/qemu-system-x86_64\0-xen-domid\x0012\0', 12],
    ['/usr/bin/qemu-system-x86_64\0-m\x00512\0', undefined],
    ['vi\0-xen-domid\x0012\0', undefined],
    ['/usr/bin/qemu-system-x86_64\0-xen-domid\x0099999\0', undefined],
    ['', undefined],
  ])('by its command line %j', (cmdline, expected) => {
    expect(modelDomid(cmdline)).toBe(expected);
  });

  test('from a later one of the same pid by its start', () => {
    const fields = Array.from({ length: 50 }, (_, index) => String(index + 4));
    expect(parseStartTicks(`12 (a) b) S ${fields.join(' ')}`)).toBe('22');
    expect(parseStartTicks(`12 (a) Z ${fields.join(' ')}`)).toBeUndefined();
  });
});
