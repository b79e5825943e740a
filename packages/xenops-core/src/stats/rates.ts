/** What was used in the time between two snapshots. Pure. */
import type { Domid } from '../ids.ts';
import type { DiskCounters, NicCounters } from './device-counters.ts';
import type { DomainStats, StatsSnapshot } from './snapshot.ts';

export interface DiskRates {
  readonly devid: number;
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
}

export interface NicRates {
  readonly devid: number;
  readonly sentBytesPerSecond: number;
  readonly receivedBytesPerSecond: number;
  readonly sentPacketsPerSecond: number;
  readonly receivedPacketsPerSecond: number;
}

export interface DomainRates {
  readonly domid: Domid;
  /** Of one cpu: 200 is two cpus' whole time. */
  readonly cpuPercent: number;
  readonly vcpuPercents: readonly { readonly vcpu: number; readonly cpuPercent: number }[];
  readonly disks: readonly DiskRates[];
  readonly nics: readonly NicRates[];
}

export interface StatsRates {
  readonly elapsedMs: number;
  /** Share of all cpus that was not idle. */
  readonly busyPercent: number;
  /** Domains that are in both snapshots; a domid that has gone to another domain is not. */
  readonly domains: readonly DomainRates[];
}

/** The rates, or undefined when no time has passed. A counter that went back, as after a reconnection, counts as no change. */
export function statsRates(before: StatsSnapshot, after: StatsSnapshot): StatsRates | undefined {
  const elapsedMs = after.takenMs - before.takenMs;
  if (elapsedMs <= 0) return undefined;
  const perSecond = (was: number, is: number): number =>
    Math.max(0, ((is - was) * 1000) / elapsedMs);
  const percent = (was: bigint, is: bigint): number =>
    Math.max(0, Number(is - was) / (elapsedMs * 10_000));
  const idle = after.host.cpus.map(({ cpu, idleNs }) => {
    const earlier = before.host.cpus.find((entry) => entry.cpu === cpu);
    return Math.min(100, percent(earlier?.idleNs ?? idleNs, idleNs));
  });
  const idlePercent = idle.reduce((sum, share) => sum + share, 0) / Math.max(1, idle.length);
  return {
    elapsedMs,
    busyPercent: Math.max(0, 100 - idlePercent),
    domains: after.domains.flatMap((domain) => {
      const earlier = before.domains.find(
        ({ domid, uuid }) => domid === domain.domid && uuid === domain.uuid,
      );
      return earlier === undefined ? [] : [domainRates(earlier, domain, { perSecond, percent })];
    }),
  };
}

interface Scale {
  readonly perSecond: (was: number, is: number) => number;
  readonly percent: (was: bigint, is: bigint) => number;
}

function domainRates(
  before: DomainStats,
  after: DomainStats,
  { perSecond, percent }: Scale,
): DomainRates {
  return {
    domid: after.domid,
    cpuPercent: percent(before.cpuTimeNs, after.cpuTimeNs),
    vcpuPercents: paired(
      before.vcpus,
      after.vcpus,
      ({ vcpu }) => vcpu,
      (was, is) => ({ vcpu: is.vcpu, cpuPercent: percent(was.cpuTimeNs, is.cpuTimeNs) }),
    ),
    disks: paired(before.disks, after.disks, devidOf, (was: DiskCounters, is) => ({
      devid: is.devid,
      readsPerSecond: perSecond(was.readCount, is.readCount),
      writesPerSecond: perSecond(was.writeCount, is.writeCount),
      readBytesPerSecond: perSecond(was.readBytes, is.readBytes),
      writtenBytesPerSecond: perSecond(was.writtenBytes, is.writtenBytes),
    })),
    nics: paired(before.nics, after.nics, devidOf, (was: NicCounters, is) => ({
      devid: is.devid,
      sentBytesPerSecond: perSecond(was.sentBytes, is.sentBytes),
      receivedBytesPerSecond: perSecond(was.receivedBytes, is.receivedBytes),
      sentPacketsPerSecond: perSecond(was.sentPackets, is.sentPackets),
      receivedPacketsPerSecond: perSecond(was.receivedPackets, is.receivedPackets),
    })),
  };
}

const devidOf = ({ devid }: { readonly devid: number }): number => devid;

/** What both have, by number. */
function paired<T, R>(
  before: readonly T[],
  after: readonly T[],
  key: (entry: T) => number,
  make: (was: T, is: T) => R,
): readonly R[] {
  return after.flatMap((is) => {
    const was = before.find((entry) => key(entry) === key(is));
    return was === undefined ? [] : [make(was, is)];
  });
}
