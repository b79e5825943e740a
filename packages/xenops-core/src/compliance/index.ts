export { hypervisorSuite } from './hypervisor-suite.ts';
export type {
  HypervisorSuiteOptions,
  HypervisorTraits,
  SuiteKernel,
  SuiteTest,
} from './hypervisor-suite.ts';
export { StoreClient } from './xenstore-client.ts';
export type { StoreDomainState, StoreHost } from './xenstore-case.ts';
export { XENSTORE_CASES, xenStoreSuite } from './xenstore-suite.ts';
export type { XenStoreSuiteOptions } from './xenstore-suite.ts';
export { EMBEDDED_TRAITS, OXENSTORED_TRAITS, XENSTORED_TRAITS } from './xenstore-traits.ts';
export type { StoreTraits } from './xenstore-traits.ts';
export { OracleHost } from './xenstore-oracle-host.ts';
export type { OracleKind } from './xenstore-oracle-host.ts';
export { prepareOracleTools, unpackDebianPackage } from './xenstore-oracle-tools.ts';
export type { OracleTools } from './xenstore-oracle-tools.ts';
