export { comparisonLine, summarise } from './statistics.ts';
export type { Summary } from './statistics.ts';
