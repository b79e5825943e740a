import { describe, expect, test } from '@jest/globals';
import { domid, vmUuid } from '../ids.ts';
import { readDisks, readNics } from './device-counters.ts';
import { statsRates } from './rates.ts';
import type { DomainStats, StatsSnapshot } from './snapshot.ts';

/** A machine's files, by path. */
function services(files: Readonly<Record<string, string>>) {
  const paths = Object.keys(files);
  return {
    readText: async (path: string) => files[path],
    listFolder: async (folder: string) => [
      ...new Set(
        paths
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''),
      ),
    ],
  };
}

const counters = (folder: string, values: Readonly<Record<string, number | string>>) =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`${folder}/statistics/${key}`, `${value}\n`]),
  );

describe('counters of devices', () => {
  test('of disks are by domain and in bytes', async () => {
    const root = '/sys/bus/xen-backend/devices';
    const files = {
      ...counters(`${root}/vbd-7-51728`, { rd_req: 3, rd_sect: 8 }),
      ...counters(`${root}/vbd-7-51712`, {
        rd_req: 1,
        wr_req: 2,
        f_req: 1,
        rd_sect: 4,
        wr_sect: 6,
      }),
      ...counters(`${root}/vif-7-0`, { rd_req: 9 }),
      ...counters(`${root}/vbd-99999-51712`, { rd_req: 9 }),
    };
    expect([...(await readDisks(services(files)))]).toEqual([
      [
        7,
        [
          {
            devid: 51712,
            readCount: 1,
            writeCount: 2,
            flushCount: 1,
            readBytes: 2048,
            writtenBytes: 3072,
          },
          {
            devid: 51728,
            readCount: 3,
            writeCount: 0,
            flushCount: 0,
            readBytes: 4096,
            writtenBytes: 0,
          },
        ],
      ],
    ]);
  });

  test('of interfaces are as the guest sees them, and nonsense counts as nothing', async () => {
    const files = {
      ...counters('/sys/class/net/vif7.0', { rx_bytes: 10, tx_bytes: 20, rx_packets: '1e9' }),
      ...counters('/sys/class/net/xenbr0', { rx_bytes: 1 }),
    };
    expect([...(await readNics(services(files)))]).toEqual([
      [
        7,
        [
          {
            devid: 0,
            sentBytes: 10,
            sentPackets: 0,
            receivedBytes: 20,
            receivedPackets: 0,
            droppedPackets: 0,
          },
        ],
      ],
    ]);
  });

  test('of a device that goes while one looks are left out', async () => {
    const listed = { listFolder: async () => ['vbd-7-51712'], readText: async () => undefined };
    expect([...(await readDisks(listed))]).toEqual([]);
  });
});

describe('rates', () => {
  const domain = (changes: Partial<DomainStats> = {}): DomainStats => ({
    domid: domid(7),
    uuid: vmUuid('00112233-4455-6677-8899-aabbccddeeff'),
    name: 'web',
    cpuTimeNs: 1_000_000_000n,
    memoryKib: 1024,
    maxMemoryKib: 2048,
    onlineVcpuCount: 2,
    vcpus: [{ vcpu: 0, online: true, cpu: 1, cpuTimeNs: 500_000_000n }],
    disks: [
      {
        devid: 51712,
        readCount: 10,
        writeCount: 10,
        flushCount: 0,
        readBytes: 4096,
        writtenBytes: 4096,
      },
    ],
    nics: [],
    ...changes,
  });
  const snapshot = (
    takenMs: number,
    idleNs: bigint,
    domains: readonly DomainStats[],
  ): StatsSnapshot => ({
    takenMs,
    host: { totalMemoryKib: 8192, freeMemoryKib: 4096, cpus: [{ cpu: 0, idleNs }] },
    domains,
  });

  test('are by the second and by the cpu', () => {
    const after = domain({
      cpuTimeNs: 4_000_000_000n,
      vcpus: [{ vcpu: 0, online: true, cpu: 1, cpuTimeNs: 1_500_000_000n }],
      disks: [
        {
          devid: 51712,
          readCount: 30,
          writeCount: 10,
          flushCount: 0,
          readBytes: 12_288,
          writtenBytes: 4096,
        },
      ],
    });
    expect(
      statsRates(snapshot(1000, 0n, [domain()]), snapshot(3000, 500_000_000n, [after])),
    ).toEqual({
      elapsedMs: 2000,
      busyPercent: 75,
      domains: [
        {
          domid: 7,
          cpuPercent: 150,
          vcpuPercents: [{ vcpu: 0, cpuPercent: 50 }],
          disks: [
            {
              devid: 51712,
              readsPerSecond: 10,
              writesPerSecond: 0,
              readBytesPerSecond: 4096,
              writtenBytesPerSecond: 0,
            },
          ],
          nics: [],
        },
      ],
    });
  });

  test('of a domid that another domain has now are none', () => {
    const other = domain({ uuid: vmUuid('ffffffff-4455-6677-8899-aabbccddeeff') });
    expect(statsRates(snapshot(0, 0n, [domain()]), snapshot(1000, 0n, [other]))?.domains).toEqual(
      [],
    );
  });

  test('of counters that went back are nothing', () => {
    const again = domain({ disks: domain().disks.map((disk) => ({ ...disk, readCount: 0 })) });
    const rates = statsRates(snapshot(0, 0n, [domain()]), snapshot(1000, 0n, [again]));
    expect(rates?.domains[0]?.disks[0]?.readsPerSecond).toBe(0);
  });

  test('need time to have passed', () => {
    expect(statsRates(snapshot(5, 0n, []), snapshot(5, 0n, []))).toBeUndefined();
  });
});
