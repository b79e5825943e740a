/** The tables are read back as a guest reads them: from the root, by addresses, checking every sum. */
import { expect, test } from '@jest/globals';
import { acpiTables } from './build-acpi.ts';

const ADDRESS = 0xfc000000;

function sum(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
}

interface Table {
  readonly signature: string;
  readonly body: DataView;
}

/** Follows the pointers of tables for so many vcpus. */
function readTables(vcpuCount: number, onlineCount = vcpuCount): ReadonlyMap<string, Table> {
  const { bytes, rootSizeBytes } = acpiTables(ADDRESS, vcpuCount, onlineCount);
  const view = new DataView(bytes.buffer);
  const read = (address: number): Table => {
    const offset = address - ADDRESS;
    const table = bytes.subarray(offset, offset + view.getUint32(offset + 4, true));
    expect(sum(table)).toBe(0);
    const signature = new TextDecoder().decode(table.subarray(0, 4));
    return { signature, body: new DataView(bytes.buffer, offset, table.length) };
  };
  expect(new TextDecoder().decode(bytes.subarray(0, 8))).toBe('RSD PTR ');
  expect([sum(bytes.subarray(0, 20)), sum(bytes.subarray(0, rootSizeBytes))]).toEqual([0, 0]);
  const root = read(Number(view.getBigUint64(24, true)));
  const tables = [root];
  for (let at = 36; at < root.body.byteLength; at += 8) {
    tables.push(read(Number(root.body.getBigUint64(at, true))));
  }
  const fadt = tables.find(({ signature }) => signature === 'FACP');
  if (fadt !== undefined) tables.push(read(Number(fadt.body.getBigUint64(140, true))));
  return new Map(tables.map((table) => [table.signature, table]));
}

test('the root leads to four tables, each with a sum of 0', () => {
  expect([...readTables(1).keys()]).toEqual(['XSDT', 'FACP', 'APIC', 'DSDT']);
});

test('the machine is one of reduced hardware, without VGA and clock', () => {
  const { body } = readTables(1).get('FACP') ?? {};
  expect([body?.byteLength, body?.getUint8(8)]).toEqual([268, 5]);
  expect((body?.getUint32(112, true) ?? 0) & (1 << 20)).not.toBe(0);
  expect(body?.getUint16(109, true)).toBe(0x24);
  expect(BigInt(body?.getUint32(40, true) ?? 0)).toBe(body?.getBigUint64(140, true));
});

test('every vcpu has a local APIC with twice its number; those not there at boot are disabled', () => {
  const { body } = readTables(3, 2).get('APIC') ?? {};
  expect(body?.getUint32(36, true)).toBe(0xfee00000);
  const entries = [0, 1, 2].map((vcpu) => {
    const at = 44 + 8 * vcpu;
    return [0, 1, 2, 3]
      .map((byte) => body?.getUint8(at + byte))
      .concat(body?.getUint32(at + 4, true));
  });
  expect(entries).toEqual([
    [0, 8, 0, 0, 1],
    [0, 8, 1, 2, 1],
    [0, 8, 2, 4, 0],
  ]);
  expect(body?.byteLength).toBe(44 + 3 * 8);
});

test.each([1, 2, 3, 100, 128])('the AML of %d processors has lengths that fit', (count) => {
  const { body } = readTables(count).get('DSDT') ?? {};
  if (body === undefined) throw new Error('There is no DSDT');
  /** Length of the package at this place and where its content starts. */
  const packageAt = (at: number): { readonly end: number; readonly start: number } => {
    const lead = body.getUint8(at);
    const extra = lead >> 6;
    let length = extra === 0 ? lead : lead & 0xf;
    for (let index = 0; index < extra; index++) {
      length |= body.getUint8(at + 1 + index) << (4 + 8 * index);
    }
    return { end: at + length, start: at + 1 + extra };
  };
  expect(body.getUint8(36)).toBe(0x10);
  const scope = packageAt(37);
  expect(scope.end).toBe(body.byteLength);
  let at = scope.start + '\\_SB_'.length;
  const uids: number[] = [];
  while (at < scope.end) {
    expect(body.getUint16(at)).toBe(0x5b82);
    const device = packageAt(at + 2);
    uids.push(body.getUint8(device.end - 1));
    at = device.end;
  }
  expect(uids).toEqual(Array.from({ length: count }, (_, vcpu) => vcpu));
});
