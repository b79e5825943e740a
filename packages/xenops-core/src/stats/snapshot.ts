/** What a host and its domains have used up to one moment: counters that only grow, and amounts of now. */
import type { Host } from '../host/host.ts';
import type { DomainInfo } from '../hypervisor/hypervisor.ts';
import type { Domid, VmUuid } from '../ids.ts';
import { guestText } from '../parse/guest-text.ts';
import { domainPath } from '../xenstore/path.ts';
import { findMany } from '../xenstore/trees.ts';
import { readDisks, readNics, type DiskCounters, type NicCounters } from './device-counters.ts';

export interface VcpuCounters {
  readonly vcpu: number;
  readonly online: boolean;
  /** Where it runs, or last ran. */
  readonly cpu: number;
  readonly cpuTimeNs: bigint;
}

export interface DomainStats {
  readonly domid: Domid;
  readonly uuid: VmUuid;
  readonly name: string;
  /** Of all vcpus together. */
  readonly cpuTimeNs: bigint;
  readonly memoryKib: number;
  /** Infinity for Dom0 without a limit. */
  readonly maxMemoryKib: number;
  readonly onlineVcpuCount: number;
  /** Only when asked for. */
  readonly vcpus: readonly VcpuCounters[];
  /** Those that blkback serves; a device model does not tell. */
  readonly disks: readonly DiskCounters[];
  readonly nics: readonly NicCounters[];
}

export interface HostStats {
  readonly totalMemoryKib: number;
  readonly freeMemoryKib: number;
  /** Idle time of each cpu. */
  readonly cpus: readonly { readonly cpu: number; readonly idleNs: bigint }[];
}

export interface StatsSnapshot {
  readonly takenMs: number;
  readonly host: HostStats;
  /** By rising domid. */
  readonly domains: readonly DomainStats[];
}

export interface StatsOptions {
  /** Only this domain. */
  readonly domid?: Domid | undefined;
  /** Ask for each vcpu too: a call for every one of them. */
  readonly vcpus?: boolean | undefined;
}

/** Takes a snapshot. Domains that go meanwhile are left out. */
export async function readStats(
  host: Host,
  { domid, vcpus = false }: StatsOptions = {},
): Promise<StatsSnapshot> {
  const { hypervisor, services, store } = host;
  const [phys, cpus, all] = await Promise.all([
    hypervisor.physInfo(),
    hypervisor.pcpuInfo(),
    hypervisor.listDomains(),
  ]);
  const takenMs = services.clock.nowMs();
  const wanted = all.filter((info) => domid === undefined || info.domid === domid);
  const [names, disks, nics, counters] = await Promise.all([
    findMany(
      store,
      wanted.map((info) => domainPath(info.domid, 'name')),
    ),
    readDisks(services),
    readNics(services),
    Promise.all(wanted.map(async (info) => (vcpus ? readVcpus(host, info) : []))),
  ]);
  return {
    takenMs,
    host: {
      totalMemoryKib: phys.totalMemoryKib,
      freeMemoryKib: phys.freeMemoryKib,
      cpus,
    },
    domains: wanted.map((info, index) => ({
      domid: info.domid,
      uuid: info.uuid,
      name: guestText(names[index] ?? ''),
      cpuTimeNs: info.cpuTimeNs,
      memoryKib: info.memoryKib,
      maxMemoryKib: info.maxMemoryKib,
      onlineVcpuCount: info.onlineVcpuCount,
      vcpus: counters[index] ?? [],
      disks: disks.get(info.domid) ?? [],
      nics: nics.get(info.domid) ?? [],
    })),
  };
}

async function readVcpus(
  host: Host,
  { domid, maxVcpuId }: DomainInfo,
): Promise<readonly VcpuCounters[]> {
  const hypervisor = host.hypervisor;
  const results = await Promise.allSettled(
    Array.from({ length: maxVcpuId + 1 }, async (_, vcpu) => hypervisor.vcpuInfo(domid, vcpu)),
  );
  return results.flatMap((result) => {
    if (result.status === 'rejected') return [];
    const { vcpu, online, cpu, cpuTimeNs } = result.value;
    return [{ vcpu, online, cpu, cpuTimeNs }];
  });
}
