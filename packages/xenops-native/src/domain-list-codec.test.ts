import { describe, expect, test } from '@jest/globals';
import { bytesFromVmUuid, randomVmUuid, vmUuidFromBytes, type VmUuid } from '@xenops/core/ids';
import { DomainTable } from './domain-list-codec.ts';
import { DOMAIN_LAYOUT } from './fake-addon.test-helper.ts';

interface RecordFields {
  readonly domid: number;
  readonly uuid: VmUuid;
  /** Each of the others, by its name in the layout. */
  readonly words: Readonly<Partial<Record<WordField, number>>>;
  readonly longs: Readonly<Partial<Record<LongField, bigint>>>;
}
type WordField =
  'flags' | 'onlineVcpuCount' | 'maxVcpuId' | 'ssidref' | 'cpupoolId' | 'emulationFlags';
type LongField = 'totalPages' | 'maxPages' | 'outstandingPages' | 'sharedInfoFrame' | 'cpuTimeNs';

/** Records as Xen lays them out. */
function encode(records: readonly Partial<RecordFields>[]): ArrayBuffer {
  const buffer = new ArrayBuffer(records.length * DOMAIN_LAYOUT.recordBytes);
  records.forEach(({ domid = 1, uuid = randomVmUuid(), words = {}, longs = {} }, index) => {
    const record = new DataView(buffer, index * DOMAIN_LAYOUT.recordBytes);
    record.setUint16(DOMAIN_LAYOUT.domid, domid, true);
    new Uint8Array(buffer, record.byteOffset + DOMAIN_LAYOUT.handle).set(bytesFromVmUuid(uuid));
    for (const [field, value] of Object.entries(words) as [WordField, number][]) {
      record.setUint32(DOMAIN_LAYOUT[field], value, true);
    }
    for (const [field, value] of Object.entries(longs) as [LongField, bigint][]) {
      record.setBigUint64(DOMAIN_LAYOUT[field], value, true);
    }
  });
  return buffer;
}

const HVM = 2;
const LAPIC = 1;
const PVH_DOM0 = (1 << 0) | (1 << 4) | (1 << 10);
const HVM_DEVICES = 0x3ff;

function table(...records: readonly Partial<RecordFields>[]): DomainTable {
  const filled = new DomainTable(DOMAIN_LAYOUT);
  filled.refill(reading(encode(records)));
  return filled;
}

/** Writes as many of these records as fit, and tells how many those are. */
function reading(encoded: ArrayBuffer): (records: ArrayBuffer) => number {
  return (records) => {
    const bytes = new Uint8Array(encoded).subarray(0, records.byteLength);
    new Uint8Array(records).set(bytes);
    return bytes.length / DOMAIN_LAYOUT.recordBytes;
  };
}

describe('the list of domains from the addon', () => {
  test('every field is decoded', () => {
    const uuid = randomVmUuid();
    const words = {
      flags: (3 << 16) | 4 | 8,
      onlineVcpuCount: 2,
      maxVcpuId: 3,
      ssidref: 9,
      cpupoolId: 1,
    };
    const longs = {
      totalPages: 65536n,
      maxPages: 65792n,
      outstandingPages: 256n,
      sharedInfoFrame: 0x1234n,
      cpuTimeNs: 5_000_000_000n,
    };
    expect(table({ domid: 7, words, longs, uuid }).at(0)).toEqual({
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
    const { dying, paused, blocked, running, shutdown } = table({ words: { flags: flag } }).at(0);
    const states = { dying, paused, blocked, running, shutdown };
    const none = { dying: false, paused: false, blocked: false, running: false, shutdown: false };
    expect(states).toEqual({ ...none, [name]: true });
  });

  test('a domain that has not shut down has no reason, whatever the bits say', () => {
    const info = table({ words: { flags: 0xffff0000 | 32 } }).at(0);
    expect('shutdownReason' in info).toBe(false);
  });

  test('a reason of a newer Xen stays a number', () => {
    const info = table({ words: { flags: (200 << 16) | 4 } }).at(0);
    expect(info.shutdownReason).toBe('unknown-200');
  });

  test.each([
    [0, 0, 'pv'],
    [HVM, LAPIC, 'pvh'],
    [HVM, PVH_DOM0, 'pvh'],
    [HVM, HVM_DEVICES, 'hvm'],
  ] as const)('flags %i with emulated devices %i are %s', (flags, emulation, guestType) => {
    expect(table({ words: { flags, emulationFlags: emulation } }).at(0).guestType).toBe(guestType);
  });

  test('a domain without vcpus has -1 as its highest', () => {
    expect(table({ words: { maxVcpuId: 0xffffffff } }).at(0).maxVcpuId).toBe(-1);
  });

  test('no limit is Infinity, in 32 bits as in 64', () => {
    for (const none of [0xffffffffn, 0xffffffffffffffffn]) {
      expect(table({ longs: { maxPages: none } }).at(0).maxMemoryKib).toBe(Infinity);
    }
    expect(table({ longs: { maxPages: 0xfffffffen } }).at(0).maxMemoryKib).toBe(0xfffffffe * 4);
  });

  test.each([2 ** 28 - 1, 2 ** 28, 2 ** 30, 2 ** 32 - 1, 2 ** 32 + 1, 2 ** 51 - 1])(
    '%d pages are so many times 4 KiB',
    (pages) => {
      const longs = { totalPages: BigInt(pages), outstandingPages: BigInt(pages) };
      const { memoryKib, outstandingKib } = table({ longs }).at(0);
      expect([memoryKib, outstandingKib]).toEqual([pages * 4, pages * 4]);
    },
  );

  test('domids are read without decoding, and every domain in order', () => {
    const list = table({ domid: 0 }, { domid: 5 }, { domid: 9 });
    expect(list.length).toBe(3);
    expect([0, 1, 2].map((index) => list.domidAt(index))).toEqual([0, 5, 9]);
    expect([...list].map(({ domid }) => domid)).toEqual([0, 5, 9]);
  });

  test('a table that is too small is made larger, and filled anew with what there is', () => {
    const many = Array.from({ length: 100 }, (_, index) => ({
      domid: index,
      uuid: randomVmUuid(),
    }));
    const list = new DomainTable(DOMAIN_LAYOUT);
    list.refill(reading(encode(many)));
    expect([...list].map(({ domid, uuid }) => [domid, uuid])).toEqual(
      many.map(({ uuid }, index) => [index, uuid]),
    );
    list.refill(reading(encode(many.slice(98))));
    expect([...list].map(({ domid }) => domid)).toEqual([98, 99]);
    let roomBytes = 0;
    list.refill(({ byteLength }) => {
      roomBytes = byteLength;
      return 0;
    });
    expect([...list]).toEqual([]);
    // A host that had many domains once does not cost more for ever.
    expect(roomBytes).toBeLessThan(50 * DOMAIN_LAYOUT.recordBytes);
  });

  test('another domain at the same place has its own uuid, also when one byte differs', () => {
    const list = new DomainTable(DOMAIN_LAYOUT);
    const bytes = bytesFromVmUuid(randomVmUuid());
    for (let changed = 0; changed < bytes.length; changed++) {
      bytes[changed] = (bytes[changed] ?? 0) ^ 1;
      const uuid = vmUuidFromBytes(bytes);
      list.refill(reading(encode([{ uuid }, {}])));
      expect([list.at(0).uuid, list.at(0).uuid]).toEqual([uuid, uuid]);
    }
  });

  test('a place beyond the end is a RangeError', () => {
    expect(() => table({}).at(1)).toThrow(RangeError);
    expect(() => table().domidAt(0)).toThrow(RangeError);
    expect([...table()]).toEqual([]);
  });
});
