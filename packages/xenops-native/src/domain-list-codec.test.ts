import { describe, expect, test } from '@jest/globals';
import { randomVmUuid, bytesFromVmUuid, type VmUuid } from '@xenops/core/ids';
import { DOMAIN_RECORD_BYTES, DomainTable } from './domain-list-codec.ts';

interface RecordFields {
  readonly words: readonly number[];
  readonly longs: readonly bigint[];
  readonly uuid: VmUuid;
}

/** Records as the addon lays them out: eight words, five longs, the handle. */
function encode(records: readonly RecordFields[]): ArrayBuffer {
  const buffer = new ArrayBuffer(records.length * DOMAIN_RECORD_BYTES);
  records.forEach(({ words, longs, uuid }, index) => {
    const start = index * DOMAIN_RECORD_BYTES;
    new Uint32Array(buffer, start, 8).set(words);
    new BigUint64Array(buffer, start + 32, 5).set(longs);
    new Uint8Array(buffer, start + 72, 16).set(bytesFromVmUuid(uuid));
  });
  return buffer;
}

const HVM = 2;
const LAPIC = 1;
const PVH_DOM0 = (1 << 0) | (1 << 4) | (1 << 10);
const HVM_DEVICES = 0x3ff;

function table(...records: readonly Partial<RecordFields>[]): DomainTable {
  const plain = { words: [], longs: [], uuid: randomVmUuid() };
  return new DomainTable(encode(records.map((record) => ({ ...plain, ...record }))));
}

describe('the list of domains from the addon', () => {
  test('every field is decoded', () => {
    const uuid = randomVmUuid();
    const words = [7, (3 << 16) | 4 | 8, 0, 2, 3, 9, 1, 0];
    const longs = [65536n, 65792n, 256n, 0x1234n, 5_000_000_000n];
    expect(table({ words, longs, uuid }).at(0)).toEqual({
      domid: 7,
      uuid,
      guestType: 'pv',
      dying: false,
      shutdown: true,
      shutdownReason: 'crash',
      paused: true,
      blocked: false,
      running: false,
      memoryKib: 262144,
      maxMemoryKib: 263168,
      outstandingKib: 1024,
      sharedInfoFrame: 0x1234n,
      cpuTimeNs: 5_000_000_000n,
      onlineVcpuCount: 2,
      maxVcpuId: 3,
      ssidref: 9,
      cpupoolId: 1,
    });
  });

  test.each([
    [1, 'dying'],
    [8, 'paused'],
    [16, 'blocked'],
    [32, 'running'],
  ] as const)('flag %i is "%s" and no other', (flag, name) => {
    const { dying, paused, blocked, running, shutdown } = table({ words: [1, flag] }).at(0);
    const states = { dying, paused, blocked, running, shutdown };
    const none = { dying: false, paused: false, blocked: false, running: false, shutdown: false };
    expect(states).toEqual({ ...none, [name]: true });
  });

  test('a domain that has not shut down has no reason, whatever the bits say', () => {
    const info = table({ words: [0, 0xffff0000 | 32] }).at(0);
    expect('shutdownReason' in info).toBe(false);
  });

  test('a reason of a newer Xen stays a number', () => {
    const info = table({ words: [1, (200 << 16) | 4] }).at(0);
    expect(info.shutdownReason).toBe('unknown-200');
  });

  test.each([
    [0, 0, 'pv'],
    [HVM, LAPIC, 'pvh'],
    [HVM, PVH_DOM0, 'pvh'],
    [HVM, HVM_DEVICES, 'hvm'],
  ] as const)('flags %i with emulated devices %i are %s', (flags, emulation, guestType) => {
    expect(table({ words: [1, flags, emulation] }).at(0).guestType).toBe(guestType);
  });

  test('a domain without vcpus has -1 as its highest', () => {
    expect(table({ words: [1, 0, 0, 0, 0xffffffff] }).at(0).maxVcpuId).toBe(-1);
  });

  test('no limit is Infinity, in 32 bits as in 64', () => {
    for (const none of [0xffffffffn, 0xffffffffffffffffn]) {
      expect(table({ longs: [1n, none] }).at(0).maxMemoryKib).toBe(Infinity);
    }
    expect(table({ longs: [1n, 0xfffffffen] }).at(0).maxMemoryKib).toBe(0xfffffffe * 4);
  });

  test('domids are read without decoding, and every domain in order', () => {
    const list = table({ words: [0] }, { words: [5] }, { words: [9] });
    expect(list.length).toBe(3);
    expect([0, 1, 2].map((index) => list.domidAt(index))).toEqual([0, 5, 9]);
    expect([...list].map(({ domid }) => domid)).toEqual([0, 5, 9]);
  });

  test('a place beyond the end is a RangeError', () => {
    expect(() => table({ words: [0] }).at(1)).toThrow(RangeError);
    expect(() => table().domidAt(0)).toThrow(RangeError);
    expect([...table()]).toEqual([]);
  });
});
