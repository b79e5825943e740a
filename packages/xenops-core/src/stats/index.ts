export type { DiskCounters, NicCounters } from './device-counters.ts';
export {
  statsRates,
  type DiskRates,
  type DomainRates,
  type NicRates,
  type StatsRates,
} from './rates.ts';
export { sampleStats, type SampleOptions } from './sample.ts';
export {
  readStats,
  type DomainStats,
  type HostStats,
  type StatsOptions,
  type StatsSnapshot,
  type VcpuCounters,
} from './snapshot.ts';
