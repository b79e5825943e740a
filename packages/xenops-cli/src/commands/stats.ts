/** What the host and its domains use. */
import { getDomain } from '@xenops/core/domain';
import {
  sampleStats,
  statsRates,
  type DomainStats,
  type StatsRates,
  type StatsSnapshot,
} from '@xenops/core/stats';
import { mibFromKibDown } from '@xenops/core/units';
import { renderTable } from '../output/table.ts';
import { command, type Command } from './command.ts';
import { DOMID, flag, NUMBER, optional, SECONDS, withDefault } from './option.ts';

const INTERVAL_SECONDS = 1;

export const statsCommands: readonly Command[] = [
  command({
    name: 'stats',
    summary:
      'show what the host and its domains use: once, or rates at intervals; JSON is one object a line',
    example: '-domid 5',
    changes: false,
    options: {
      domid: optional({ ...DOMID, doc: 'only this domain' }),
      interval: withDefault({ ...SECONDS, doc: 'seconds from one to the next' }, INTERVAL_SECONDS),
      count: withDefault({ ...NUMBER, doc: 'how many; 0: until interrupted. Rates need two' }, 1),
      vcpus: flag('each vcpu, too'),
    },
    async run(host, { domid, interval, count, vcpus }, { out, json, signal }) {
      if (domid !== undefined) await getDomain(host, domid);
      let before: StatsSnapshot | undefined;
      for await (const snapshot of sampleStats(host, {
        intervalMs: interval * 1000,
        count: count === 0 ? undefined : count,
        domid,
        vcpus,
        signal,
      })) {
        const rates = before === undefined ? undefined : statsRates(before, snapshot);
        if (json) out.line(statsJson(snapshot, rates));
        else for (const line of statsLines(snapshot, rates)) out.line(line);
        before = snapshot;
      }
    },
  }),
];

/** One line: amounts and counters, with the rates since the snapshot before. Times are text, for they can pass 2^53. */
function statsJson(snapshot: StatsSnapshot, rates: StatsRates | undefined): string {
  return JSON.stringify({ ...snapshot, rates: rates ?? null }, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    return value === Infinity ? null : value;
  });
}

function statsLines(
  { host, domains }: StatsSnapshot,
  rates: StatsRates | undefined,
): readonly string[] {
  const busy = rates === undefined ? '' : `  busy ${rates.busyPercent.toFixed(1)} %`;
  return [
    `host: ${host.cpus.length} cpus${busy}  memory ${mibFromKibDown(host.totalMemoryKib)} MiB, free ${mibFromKibDown(host.freeMemoryKib)} MiB`,
    ...renderTable(
      rates === undefined ? TOTALS : RATES,
      domains.map((domain) =>
        rates === undefined ? totalCells(domain) : rateCells(domain, rates),
      ),
    ),
    ...domains.flatMap(({ domid, vcpus }) =>
      vcpus.map(
        ({ vcpu, online, cpu, cpuTimeNs }) =>
          `domain ${domid} vcpu ${vcpu}: ${online ? `online on cpu ${cpu}` : 'offline'}  ${seconds(cpuTimeNs)} s`,
      ),
    ),
  ];
}

const TOTALS = [
  'id',
  'name',
  'cpu s',
  'MiB',
  'max MiB',
  'vcpus',
  'read KiB',
  'written KiB',
  'sent KiB',
  'received KiB',
] as const;
const RATES = [
  'id',
  'name',
  'cpu %',
  'MiB',
  'read KiB/s',
  'written KiB/s',
  'sent KiB/s',
  'received KiB/s',
] as const;

function totalCells(domain: DomainStats): readonly string[] {
  const { domid, name, cpuTimeNs, memoryKib, maxMemoryKib, onlineVcpuCount, disks, nics } = domain;
  return [
    String(domid),
    name,
    seconds(cpuTimeNs),
    String(mibFromKibDown(memoryKib)),
    Number.isFinite(maxMemoryKib) ? String(mibFromKibDown(maxMemoryKib)) : 'no limit',
    String(onlineVcpuCount),
    kib(disks.map(({ readBytes }) => readBytes)),
    kib(disks.map(({ writtenBytes }) => writtenBytes)),
    kib(nics.map(({ sentBytes }) => sentBytes)),
    kib(nics.map(({ receivedBytes }) => receivedBytes)),
  ];
}

function rateCells(
  { domid, name, memoryKib }: DomainStats,
  { domains }: StatsRates,
): readonly string[] {
  const rates = domains.find((entry) => entry.domid === domid);
  const { disks = [], nics = [] } = rates ?? {};
  return [
    String(domid),
    name,
    rates === undefined ? '' : rates.cpuPercent.toFixed(1),
    String(mibFromKibDown(memoryKib)),
    kib(disks.map(({ readBytesPerSecond }) => readBytesPerSecond)),
    kib(disks.map(({ writtenBytesPerSecond }) => writtenBytesPerSecond)),
    kib(nics.map(({ sentBytesPerSecond }) => sentBytesPerSecond)),
    kib(nics.map(({ receivedBytesPerSecond }) => receivedBytesPerSecond)),
  ];
}

const BYTES_PER_KIB = 1024;
const kib = (bytes: readonly number[]): string =>
  (bytes.reduce((sum, value) => sum + value, 0) / BYTES_PER_KIB).toFixed(0);
const seconds = (timeNs: bigint): string => (Number(timeNs / 1_000_000n) / 1000).toFixed(1);
