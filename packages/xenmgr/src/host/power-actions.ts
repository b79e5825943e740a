/** What a host can be told to do about its power. */

export const POWER_ACTIONS = [
  'sleep',
  'hibernate',
  'shutdown',
  'forced-shutdown',
  'reboot',
  'nothing',
] as const;

export type PowerAction = (typeof POWER_ACTIONS)[number];

/** The action that a text names; undefined for none. */
export function findPowerAction(text: string): PowerAction | undefined {
  return POWER_ACTIONS.find((action) => action === text);
}
