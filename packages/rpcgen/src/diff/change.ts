import type { Position } from '../model/position.ts';

/**
 * What a change does to those who use the interface:
 * - `breaking`: a client or service written for the old description fails with the new one;
 * - `addition`: only what is written for the new description needs it;
 * - `info`: nothing on the wire changes.
 */
export type ChangeClass = 'breaking' | 'addition' | 'info';

/** One difference between two descriptions. */
export interface Change {
  readonly class: ChangeClass;
  /** What changed: an interface, `interface.member`, `enum NAME`, or `node`. */
  readonly subject: string;
  /** What is different, without the subject. */
  readonly message: string;
  /** Where it is in the new description, or in the old one when it is gone. */
  readonly position: Position;
}

/** The part of a semantic version that must be raised. */
export type VersionBump = 'major' | 'minor' | 'patch' | 'none';

/** Gives the version bump that the changes ask for. */
export function suggestBump(changes: readonly Change[]): VersionBump {
  if (changes.some((change) => change.class === 'breaking')) return 'major';
  if (changes.some((change) => change.class === 'addition')) return 'minor';
  return changes.length > 0 ? 'patch' : 'none';
}
