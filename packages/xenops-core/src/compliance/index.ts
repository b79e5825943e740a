export { hypervisorSuite } from './hypervisor-suite.ts';
export type { HypervisorSuiteOptions, HypervisorTraits, SuiteTest } from './hypervisor-suite.ts';
