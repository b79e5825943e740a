import { describe, expect, test } from '@jest/globals';
import type { DomainInfo } from '../hypervisor/hypervisor.ts';
import { domid, vmUuid } from '../ids.ts';
import { DomainTable } from './domain-table.ts';

const U1 = '00000000-0000-0000-0000-000000000001';
const U2 = '00000000-0000-0000-0000-000000000002';
const info = (id: number, uuid: string, change: Partial<DomainInfo> = {}): DomainInfo => ({
  domid: domid(id),
  uuid: vmUuid(uuid),
  guestType: 'pv',
  dying: false,
  shutdown: false,
  paused: false,
  blocked: false,
  running: true,
  memoryKib: 0,
  maxMemoryKib: 0,
  outstandingKib: 0,
  sharedInfoFrame: 0n,
  cpuTimeNs: 0n,
  onlineVcpuCount: 1,
  maxVcpuId: 0,
  ssidref: 0,
  cpupoolId: 0,
  ...change,
});
const CRASHED = { shutdown: true, shutdownReason: 'crash' } as const;

describe('the table of domains', () => {
  test('tells each end of a domain once: that it shut down and why, that it is released', () => {
    const table = new DomainTable();
    expect(table.update([info(1, U1)])).toEqual([{ kind: 'introduced', domid: 1, uuid: U1 }]);
    expect(table.update([info(1, U1, CRASHED)])).toEqual([
      { kind: 'shutdown', domid: 1, uuid: U1, reason: 'crash' },
    ]);
    expect(table.update([info(1, U1, CRASHED)])).toEqual([]);
    expect(table.update([info(1, U1, { ...CRASHED, dying: true })])).toEqual([
      { kind: 'released', domid: 1, uuid: U1, reason: 'crash' },
    ]);
    expect(table.update([])).toEqual([]);
  });

  test('sees that a domid was used again between two looks', () => {
    const table = new DomainTable();
    table.update([info(1, U1)]);
    expect(table.update([info(1, U2)])).toEqual([
      { kind: 'released', domid: 1, uuid: U1 },
      { kind: 'introduced', domid: 1, uuid: U2 },
    ]);
  });

  test('tells two deaths of one look both', () => {
    const table = new DomainTable();
    table.update([info(1, U1), info(2, U2)]);
    expect(table.update([]).map(({ kind }) => kind)).toEqual(['released', 'released']);
  });

  test('a suspended domain that runs on can end again', () => {
    const table = new DomainTable();
    table.update([info(1, U1, { shutdown: true, shutdownReason: 'suspend' })]);
    expect(table.update([info(1, U1)])).toEqual([]);
    expect(table.update([info(1, U1, CRASHED)])).toMatchObject([{ kind: 'shutdown' }]);
  });

  test('has a domain that was down at the first look', () => {
    const events = new DomainTable().update([info(1, U1, CRASHED)]);
    expect(events.map(({ kind }) => kind)).toEqual(['introduced', 'shutdown']);
  });
});
