export { makeRoom, planRoom, type MinimumKib } from './make-room.ts';
export { readGuestMemory, setMemoryMax, setMemoryTarget, type GuestMemory } from './target.ts';
export { BALLOON_TOLERANCE_KIB, waitForBalloon } from './wait.ts';
