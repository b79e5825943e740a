/**
 * The configuration that counts and the one that waits for the next boot. Keys that count at once are taken over when the next one is set;
 * the rest when it is installed, which happens only without a domain. Pure.
 */
import { KEY_ROWS } from '../config/config-keys.ts';
import type { VmConfig } from '../config/vm-config.ts';

export interface ConfigSlots {
  readonly current: VmConfig;
  readonly next?: VmConfig | undefined;
}

/** What `get` shows and `set` changes: what the next boot will have. */
export function pendingConfig({ current, next }: ConfigSlots): VmConfig {
  return next ?? current;
}

/** Has this configuration at the next boot. */
export function stageConfig({ current }: ConfigSlots, next: VmConfig): ConfigSlots {
  const atOnce = KEY_ROWS.filter(({ key }) => key.applies === 'at-once');
  const taken = Object.fromEntries(atOnce.map(({ field }) => [field, next[field]]));
  return { current: { ...current, ...taken }, next };
}

/** The next one counts from here on, and nothing waits any more. */
export function installNext(slots: ConfigSlots): ConfigSlots {
  return { current: pendingConfig(slots) };
}

/** The names of the keys in which the next boot will differ. */
export function changedKeys({ current, next }: ConfigSlots): readonly string[] {
  if (next === undefined) return [];
  return KEY_ROWS.filter(({ key, field }) => {
    const [before, after] = [key.type.lines(current[field]), key.type.lines(next[field])];
    return before.length !== after.length || before.some((line, index) => line !== after[index]);
  }).map(({ key }) => key.name);
}
