export {
  BUILD_MEMORY_MIN_KIB,
  breakDownMemory,
  guestTargetKib,
  MAX_MEMORY_SLACK_KIB,
} from './breakdown.ts';
export type { MemoryBreakdown, MemoryConfig } from './breakdown.ts';
export { planBalloon } from './balloon-plan.ts';
export type { BalloonGuest, BalloonPlan, BalloonStep } from './balloon-plan.ts';
